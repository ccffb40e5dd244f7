import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ANNOTATION } from "../../sidecar/contract.ts";
import { FINDINGS, sentence, type FindingCode } from "../../injector/findings.ts";
import type { Facts } from "../../injector/cluster.ts";
import type { SecurityContext } from "../../injector/pod.ts";
import { config } from "../support/config.ts";
import { ACCOUNT, BILLING, facts, grant, role } from "../support/facts.ts";
import { admitted, injected, plainPod, pod, withApp } from "../support/pods.ts";
import { postObject } from "../support/webhook.ts";

const raised = new Set<string>();
const annotated = (annotations: Readonly<Record<string, string>>) =>
  pod({}, { [ANNOTATION.role]: BILLING, ...annotations });
const named = (value: string) => pod({}, { [ANNOTATION.role]: value });
const grants = (...specs: readonly object[]): Facts =>
  facts({ grants: specs.map((spec, index) => grant(`g${index}`, { namespaces: ["shop"], ...spec })) });
const nodePath = { name: "run", hostPath: { path: "/run" } };
const node = config({ source: "node", policy: "off" });
const secured = (securityContext: SecurityContext) => withApp({ securityContext });
const off = { "podrole.dev/guard": "off" };

/** For every code a pod that raises it. */
const RAISED_BY: readonly (readonly [FindingCode, ...Parameters<typeof admitted>])[] = [
  ["OBJECT_MALFORMED", { spec: 7 }],
  ["NO_CONTAINERS", { spec: {} }],
  ["ROLE_MALFORMED", named("a b")],
  ["ROLE_NEEDS_BASE_ARN", named("billing")],
  ["ROLE_NOT_ALLOWED", pod(), facts(), config({ policy: "enforce" })],
  ["ROLE_DENIED_BY_GRANT", pod(), grants({ effect: "Deny", roles: ["*"] })],
  ["ROLE_WOULD_BE_DENIED", pod(), facts(), config({ policy: "audit" })],
  ["POLICY_RULE_INVALID", pod(), facts({ annotations: { [ANNOTATION.namespacePermitted]: "(" } })],
  ["GRANT_DEFAULT_AMBIGUOUS", plainPod(), grants({ default: BILLING }, { default: role(`${ACCOUNT}b`) })],
  ["HUB_ROLE_MISSING", annotated({ [ANNOTATION.externalId]: "xx" })],
  ["ANNOTATION_INVALID", annotated({ [ANNOTATION.start]: "x" })],
  ["ANNOTATION_UNKNOWN", annotated({ "podrole.dev/x": "" })],
  ["ANNOTATION_MISPLACED", annotated(off)],
  ["CONTAINER_UNKNOWN", annotated({ [ANNOTATION.containers]: "x" })],
  [
    "SESSION_SHORTENED",
    annotated({ [ANNOTATION.sessionDuration]: "2h" }),
    facts(),
    config({ source: "ambient", hubRole: BILLING, policy: "off" }),
  ],
  ["SESSION_SHORT", annotated({ [ANNOTATION.sessionDuration]: "900" })],
  ["CREDENTIALS_SHADOWED", withApp({ env: [{ name: "AWS_PROFILE", value: "x" }] })],
  [
    "PROXY_NOT_EXEMPT",
    withApp({
      env: [
        { name: "HTTP_PROXY", value: "x" },
        { name: "NO_PROXY", valueFrom: {} },
      ],
    }),
  ],
  ["GUARD_OFF", pod(), facts({ annotations: off })],
  ["HOST_NETWORK", pod({ hostNetwork: true })],
  ["HOST_NETWORK_UNGUARDED", plainPod({ hostNetwork: true }), facts(), config({ hostNetwork: "warn" })],
  ["HOST_PATH", pod({ volumes: [nodePath] })],
  ["HOST_PATH_ALLOWED", pod({ volumes: [nodePath] }), facts(), config({ hostPath: "warn" })],
  ["PSA_FORBIDS_GUARD", pod(), facts({ labels: { "pod-security.kubernetes.io/enforce": "baseline" } })],
  ["PRIVILEGED", secured({ privileged: true })],
  ["CAPABILITY_FORBIDDEN", secured({ capabilities: { add: ["NET_RAW"] } })],
  ["HOST_NAMESPACE", pod({ hostPID: true })],
  ["SIDECAR_UID", secured({ runAsUser: 64_169 })],
  ["UID_UNKNOWN", pod(), facts(), node],
  ["PRIVILEGE_ESCALATION", secured({ runAsUser: 1, allowPrivilegeEscalation: true }), facts(), node],
  ["RESERVED_NAME", withApp({ name: "podrole-x" })],
  ["INJECTED_DIFFERENTLY", injected(pod()), facts(), config({ image: "newer" })],
];

test.for(RAISED_BY)(
  "%s is raised, as a sentence with a remedy and with the severity of its code",
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
  const { CodedError } = await import("../../sidecar/kit/errors.ts");
  const error = cause === "" ? new Error("x") : new CodedError(cause, "RoleGrant g is odd.");
  const { response } = await postObject(pod(), { cluster: { facts: () => Promise.reject(error) } });
  raised.add(code);
  expect(response.status?.message).toMatch(new RegExp(`^\\[${code}\\] `));
  expect(response.auditAnnotations).toMatchObject({ decision: "deny", findings: code });
});

test("the catalogue says of every code what it is about, in a sentence", () => {
  for (const { about } of Object.values(FINDINGS)) expect(about).toMatch(/^[A-Za-z][^\n]+\.$/);
});

/** Raised about pods that run already and about workloads, where their tests are. */
const ELSEWHERE = {
  POD_FROZEN: "running.test.ts",
  GUARD_MISSING: "../cluster/policy-attacks.ts",
  EPHEMERAL_TARGET: "running.test.ts",
  SERVICE_ACCOUNT_MISSING: "early.test.ts",
} as const;

test("every code of the catalogue has a test that raises it", () => {
  for (const [code, file] of Object.entries(ELSEWHERE)) {
    expect(readFileSync(new URL(file, import.meta.url), "utf8")).toContain(code);
  }
  expect([...raised, ...Object.keys(ELSEWHERE)].toSorted()).toEqual(Object.keys(FINDINGS).toSorted());
});
