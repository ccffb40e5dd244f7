import { describe, expect, test } from "vitest";
import { parseReview } from "../../../injector/review/admission-review.ts";
import { admitPod } from "../../../injector/review/admit-pod.ts";
import { clusterInOurs } from "../../../injector/config/keys.ts";
import { requireConfig } from "../../../injector/config/read-config.ts";
import { SETTING_NAMES, SETTINGS, type Setting } from "../../../injector/config/settings.ts";
import { resultForReview } from "../../../injector/review/review.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { configFromFlags } from "../../support/config.ts";
import { ACCOUNT, BILLING, clusterOf, facts } from "../../support/facts.ts";
import { pod, TOKEN } from "../../support/pods.ts";

const THEIRS = "acme.com/iam-role";
const renamed = configFromFlags(
  "--role-key",
  THEIRS,
  "--namespace-key",
  "acme.com/roles",
  "--base-role-arn",
  ACCOUNT,
);

async function outcome(one: unknown, around: Parameters<typeof facts>[0] = {}, settings = renamed) {
  const known = await clusterInOurs(clusterOf(facts(around)), settings.keys).facts("shop", "default");
  return admitPod(one, known, settings, () => TOKEN);
}

describe("in a cluster that spells its annotations otherwise", () => {
  test("the role is read from the cluster's own key, and the pod's annotations stay as they are", async () => {
    const one = pod({}, { [THEIRS]: "billing-reader" });
    const found = await outcome(one);
    expect(found).toMatchObject({
      kind: "inject",
      before: one,
      sidecar: { identities: [{ role: BILLING, from: `annotation ${THEIRS} of the pod` }] },
    });
    const { after } = found as Extract<typeof found, { kind: "inject" }>;
    expect(after.metadata?.annotations).toMatchObject({ [THEIRS]: "billing-reader" });
    expect(after.metadata?.annotations).not.toHaveProperty([ANNOTATION.role]);
  });

  test("our own key names no role any more", async () => {
    expect(await outcome(pod({}, { [ANNOTATION.role]: "billing-reader" }))).toMatchObject({
      kind: "inject",
      sidecar: undefined,
    });
  });

  test("the namespace's list is read from the cluster's own key, and called by it", async () => {
    const one = pod({}, { [THEIRS]: "billing-reader" });
    const allowed = await outcome(one, { annotations: { "acme.com/roles": '["billing-*"]' } });
    expect(allowed).toMatchObject({
      kind: "inject",
      sidecar: { identities: [{ rule: "annotation acme.com/roles" }] },
    });
    const denied = await outcome(one, { annotations: { "acme.com/roles": '["dev"]' } });
    expect(denied).toMatchObject({ kind: "deny", findings: [{ code: "ROLE_NOT_ALLOWED" }] });
    expect(JSON.stringify(denied)).toContain("annotation acme.com/roles");
    expect(JSON.stringify(denied)).not.toContain(ANNOTATION.namespaceAllowedRoles);
  });

  test("the service account's role, the external id and all the others are read so too", async () => {
    const spelled = SETTING_NAMES.flatMap((name) => {
      const { spells }: Setting = SETTINGS[name];
      return spells === undefined ? [] : [{ name, spells }];
    });
    const { keys } = requireConfig(
      Object.fromEntries(spelled.map(({ name }, index) => [name, `acme.com/key-${index}`])),
    );
    expect(spelled.length).toBe(7);
    expect(Object.keys(keys).toSorted()).toEqual(spelled.map(({ spells }) => spells).toSorted());
    const known = await clusterInOurs(
      clusterOf(facts({ account: { [keys[ANNOTATION.serviceAccountRole] ?? ""]: BILLING } })),
      keys,
    ).facts("shop", "default");
    expect(known.serviceAccount?.annotations).toEqual({ [ANNOTATION.serviceAccountRole]: BILLING });
  });

  test("a bad role is told of under the key that it was written with", async () => {
    const { findings } = await outcome(pod({}, { [THEIRS]: "no role" }));
    expect(findings[0]?.message).toBe(
      `The annotation ${THEIRS} of the pod is "no role", which is no role name, path/name or role ARN.`,
    );
  });

  test("the cluster's own key of a running pod is frozen", () => {
    const before = admitPod(pod({}, { [THEIRS]: "billing-reader" }), facts(), renamed, () => TOKEN);
    if (before.kind !== "inject") throw new Error("not injected");
    const after = {
      ...before.after,
      metadata: {
        ...before.after.metadata,
        annotations: { ...before.after.metadata?.annotations, [THEIRS]: "x" },
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
    const result = resultForReview(review, facts(), renamed, () => TOKEN);
    expect(result).toMatchObject({ decision: "deny", findings: [{ code: "POD_FROZEN" }] });
    expect(result.findings[0]?.message).toContain(THEIRS);
  });
});

describe("a key", () => {
  test.for(["", "a b", "Acme.com/role", "acme.com/", "/role", "acme.com/a/b", "x".repeat(64)])(
    "that is none is refused: %j",
    (key) => {
      expect(() => configFromFlags("--role-key", key)).toThrow("must be a key such as");
    },
  );

  test("that two annotations would be read from is refused", () => {
    for (const flags of [
      ["--role-key", "acme.com/x", "--external-id-key", "acme.com/x"],
      ["--role-key", ANNOTATION.externalId],
    ]) {
      expect(() => configFromFlags(...flags)).toThrow(
        expect.objectContaining({ code: "CONFIG_INVALID" }) as Error,
      );
    }
  });

  test("spelled as ours changes nothing", () => {
    expect(configFromFlags("--role-key", ANNOTATION.role).keys).toEqual({});
  });
});
