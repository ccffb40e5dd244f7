import { describe, expect, test } from "vitest";
import { parseReview } from "../../../injector/review/admission-review.ts";
import { admitPod } from "../../../injector/review/admit-pod.ts";
import { requireConfig } from "../../../injector/config/read-config.ts";
import { SETTING_NAMES, SETTINGS } from "../../../injector/config/settings.ts";
import type { Setting } from "../../../injector/config/setting.ts";
import { resultForReview } from "../../../injector/review/review.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { configFromFlags } from "../../support/config.ts";
import { ACCOUNT, BILLING, facts } from "../../support/facts.ts";
import { pod, FRESH } from "../../support/pods.ts";
import { annotationsByKey } from "../../../injector/model/annotations.ts";

const THEIRS = "acme.com/iam-role";
const renamed = configFromFlags(
  "--role-key",
  THEIRS,
  "--namespace-key",
  "acme.com/roles",
  "--base-role-arn",
  ACCOUNT,
);

/** Each setting that changes an annotation's key, with the default key. */
const SPELLINGS = SETTING_NAMES.flatMap((name): [string, string][] => {
  const { spells }: Setting = SETTINGS[name];
  return spells === undefined ? [] : [[name, spells]];
});

const outcome = (one: unknown, around: Parameters<typeof facts>[0] = {}, settings = renamed) =>
  admitPod(one, facts(around), settings, FRESH);

describe("in a cluster with its own annotation keys", () => {
  test("the role is read from the cluster's key, and the pod's annotations do not change", () => {
    const one = pod({}, { [THEIRS]: "billing-reader" });
    const found = outcome(one);
    expect(found).toMatchObject({
      kind: "inject",
      before: one,
      findings: [],
      sidecar: { identities: [{ role: BILLING, from: `annotation ${THEIRS} of the pod` }] },
    });
    const { after } = found as Extract<typeof found, { kind: "inject" }>;
    expect(after.metadata?.annotations).toMatchObject({ [THEIRS]: "billing-reader" });
    expect(after.metadata?.annotations).not.toHaveProperty([ANNOTATION.role]);
  });

  test("the default key names no role, and a pod that has it gets a warning", () => {
    const found = outcome(pod({}, { [ANNOTATION.role]: "billing-reader" }));
    expect(found).toMatchObject({ kind: "inject", sidecar: undefined });
    expect(found.findings).toEqual([
      {
        code: "ANNOTATION_KEY_REPLACED",
        severity: "warn",
        message: `The annotation ${ANNOTATION.role} has no effect: this cluster reads ${THEIRS} instead.`,
        remedy: `Rename it to ${THEIRS}, or remove it.`,
      },
    ]);
  });

  test.for(SPELLINGS)("a pod that has the default key of %s gets a warning", ([name, key]) => {
    const settings = requireConfig({ [name]: "acme.com/key" });
    const { findings } = outcome(pod({}, { [key]: "x-y" }), {}, settings);
    expect(findings).toMatchObject([{ code: "ANNOTATION_KEY_REPLACED" }]);
  });

  test("the namespace's list is read from the cluster's key, and messages name that key", () => {
    const one = pod({}, { [THEIRS]: "billing-reader" });
    const allowed = outcome(one, { annotations: { "acme.com/roles": '["billing-*"]' } });
    expect(allowed).toMatchObject({
      kind: "inject",
      sidecar: { identities: [{ rule: "annotation acme.com/roles" }] },
    });
    const denied = outcome(one, { annotations: { "acme.com/roles": '["dev"]' } });
    expect(denied).toMatchObject({ kind: "deny", findings: [{ code: "ROLE_NOT_ALLOWED" }] });
    expect(JSON.stringify(denied)).toContain("annotation acme.com/roles");
    expect(JSON.stringify(denied)).not.toContain(ANNOTATION.namespaceAllowedRoles);
  });

  test.for(SPELLINGS)("%s changes only the key of %s", ([name, key]) => {
    const { keys } = requireConfig({ [name]: "constructor" });
    expect(Object.values(keys)).toEqual(
      Object.values(ANNOTATION).map((one) => (one === key ? "constructor" : one)),
    );
    expect(annotationsByKey(keys).has(key)).toBe(false);
  });

  test("a key that every JavaScript object has counts only if an annotation sets it", () => {
    const names = { role: "constructor", "external-id": "toString", "default-role": "valueOf" };
    const flags = Object.entries(names).flatMap(([name, key]) => [`--${name}-key`, key]);
    expect(outcome(pod({}, {}), { account: {} }, configFromFlags(...flags))).toMatchObject({
      kind: "inject",
      sidecar: undefined,
      findings: [],
    });
  });

  test("the service account's role and the namespace's default are read from the cluster's keys", () => {
    const settings = configFromFlags(
      "--service-account-key",
      "acme.com/sa",
      "--default-role-key",
      "acme.com/d",
    );
    for (const around of [
      { account: { "acme.com/sa": BILLING } },
      { annotations: { "acme.com/d": BILLING } },
    ]) {
      expect(outcome(pod({}, {}), around, settings)).toMatchObject({
        sidecar: { identities: [{ role: BILLING }] },
      });
    }
  });

  test("a message about a malformed role names the key that the user wrote", () => {
    const { findings } = outcome(pod({}, { [THEIRS]: "no role" }));
    expect(findings[0]?.message).toBe(
      `The annotation ${THEIRS} of the pod is "no role", which is not a role name, path/name or role ARN.`,
    );
  });

  test("a message does not change a user's value that contains a default key", () => {
    const [role, container] = [`${ANNOTATION.role} `, ANNOTATION.namespaceAllowedRoles];
    const malformed = outcome(pod({}, { [THEIRS]: role }));
    expect(malformed.findings[0]?.message).toContain(JSON.stringify(role));
    const unknown = outcome(pod({}, { [THEIRS]: "billing-reader", [ANNOTATION.containers]: container }));
    expect(unknown.findings[0]?.message).toContain(JSON.stringify(container));
    const known = facts({ annotations: { "acme.com/roles": "[" } });
    const around = { ...known, namespace: { ...known.namespace, name: ANNOTATION.role } };
    const elsewhere = admitPod(pod({}, { [THEIRS]: "billing-reader" }), around, renamed, FRESH);
    expect(elsewhere.findings[0]?.message).toContain(`of namespace ${ANNOTATION.role} allows nothing`);
  });

  test.for([THEIRS, "acme.com/skip-containers"])("the key %s of a running pod cannot be changed", (key) => {
    const settings = { ...renamed, keys: { ...renamed.keys, serviceAccountRole: "acme.com/role-arn" } };
    const before = admitPod(pod({}, { [THEIRS]: "billing-reader" }), facts(), settings, FRESH);
    if (before.kind !== "inject") throw new Error("not injected");
    const after = {
      ...before.after,
      metadata: {
        ...before.after.metadata,
        annotations: { ...before.after.metadata?.annotations, [key]: "x" },
      },
    };
    const request = {
      uid: "u",
      resource: { group: "", resource: "pods" },
      operation: "UPDATE",
      object: after,
      oldObject: before.after,
    };
    const review = parseReview({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request });
    const result = resultForReview(review, facts(), settings, FRESH);
    expect(result).toMatchObject({ decision: "deny", findings: [{ code: "POD_FROZEN" }] });
    expect(result.findings[0]?.message).toContain(key);
  });
});

describe("a key", () => {
  test.for(["", "a b", "Acme.com/role", "acme.com/", "/role", "acme.com/a/b", "x".repeat(64)])(
    "is refused when Kubernetes would refuse it: %j",
    (key) => {
      expect(() => configFromFlags("--role-key", key)).toThrow("must be a key such as");
    },
  );

  test("is refused when two annotations would be read from it", () => {
    for (const flags of [
      ["--role-key", "acme.com/x", "--external-id-key", "acme.com/x"],
      ["--role-key", ANNOTATION.externalId],
    ]) {
      expect(() => configFromFlags(...flags)).toThrow(
        expect.objectContaining({ code: "CONFIG_INVALID" }) as Error,
      );
    }
  });

  test("that equals the default changes nothing", () => {
    expect(configFromFlags("--role-key", ANNOTATION.role).keys).toEqual(ANNOTATION);
  });
});
