import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FINDINGS, sentence } from "../../../injector/model/findings.ts";
import { admitted, pod } from "../../support/pods.ts";
import { RAISED_BY } from "../../support/raised-by.ts";
import { postObject } from "../../support/webhook.ts";

const raised = new Set<string>();
test.for(RAISED_BY)(
  "%s is raised as a sentence with a remedy, with the severity of its code",
  ([code, ...args]) => {
    const outcome = admitted(...args);
    const found = outcome.findings.find((one) => one.code === code);
    raised.add(code);
    expect(found).toMatchObject({ severity: FINDINGS[code].severity });
    expect(found?.message).toMatch(/^[A-Z][^\n]+\.$/);
    expect(found?.remedy).toMatch(/^[A-Z][^\n]+[.?]$/);
    expect(outcome.kind === "deny").toBe(outcome.findings.some(({ severity }) => severity === "deny"));
    expect(found && sentence(found)).toBe(`[${code}] ${found?.message} ${found?.remedy}`);
  },
);

test.for([
  ["FACTS_UNAVAILABLE", "GRANT_INVALID"],
  ["INTERNAL", ""],
] as const)("%s is raised by the server", async ([code, cause]) => {
  const { CodedError } = await import("../../../sidecar/kit/errors.ts");
  const error = cause === "" ? new Error("x") : new CodedError(cause, "RoleGrant g is odd.");
  const { response } = await postObject(pod(), { cluster: { facts: () => Promise.reject(error) } });
  raised.add(code);
  expect(response.status?.message).toMatch(new RegExp(`^\\[${code}\\] `));
  expect(response.auditAnnotations).toMatchObject({ decision: "deny", findings: code });
});

test("the catalogue describes every code in a sentence", () => {
  for (const { about } of Object.values(FINDINGS)) expect(about).toMatch(/^[A-Za-z][^\n]+\.$/);
});

/** Codes that are raised for running pods and for workloads, with the tests that raise them. */
const ELSEWHERE = {
  POD_FROZEN: "../review/pod-update.test.ts",
  GUARD_MISSING: "../../cluster/policy-attacks.ts",
  SETTINGS_INVALID: "../../cluster/policy-settings.test.ts",
  SIDECAR_EXEC: "../../cluster/exec-policy.test.ts",
  BLOCKED_ENDPOINT: "../../cluster/endpoints-policy.test.ts",
  EPHEMERAL_TARGET: "../review/pod-update.test.ts",
  GUARD_NOT_DONE: "../review/guard-done.test.ts",
  REVIEW_TOO_HEAVY: "../serve/too-heavy.test.ts",
  SERVICE_ACCOUNT_MISSING: "../review/workload-admission.test.ts",
} as const;

test("every code of the catalogue has a test that raises it", () => {
  for (const [code, file] of Object.entries(ELSEWHERE)) {
    expect(readFileSync(new URL(file, import.meta.url), "utf8")).toContain(code);
  }
  expect([...raised, ...Object.keys(ELSEWHERE)].toSorted()).toEqual(Object.keys(FINDINGS).toSorted());
});
