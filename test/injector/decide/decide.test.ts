import { describe, expect, test } from "vitest";
import { ANNOTATION, CONTAINER_ROLE_PREFIX } from "../../../sidecar/contract/annotations.ts";
import { decide } from "../../../injector/decide/decide.ts";
import { config } from "../../support/config.ts";
import { BILLING, facts, json } from "../../support/facts.ts";
import { admitted, codes, denials, plainPod, pod, withApp } from "../../support/pods.ts";
import { AFFINITIES } from "../../support/windows-affinities.ts";

const annotated = (annotations: Readonly<Record<string, string>>) =>
  pod({}, { [ANNOTATION.role]: BILLING, ...annotations });
const onNamespace = (annotations: Readonly<Record<string, string>>) => facts({ annotations });

describe("podrole skips", () => {
  test("a pod of a namespace without the label, or with another value of the label", () => {
    for (const value of ["disabled", "", "Enabled", "true"]) {
      const decision = decide(pod(), facts({ labels: { "podrole.dev/inject": value } }), config());
      expect(decision).toMatchObject({ kind: "skip", reason: "namespace-not-labelled" });
    }
  });

  test("a mirror pod that a node creates, but not one that anybody else creates", () => {
    const mirror = pod({}, { "kubernetes.io/config.mirror": "x", [ANNOTATION.role]: BILLING });
    const by = (requester: string | undefined) => decide(mirror, facts(), config(), requester);
    expect(by("system:node:worker-1")).toMatchObject({ kind: "skip", reason: "mirror-pod" });
    for (const user of [
      undefined,
      "alice",
      "",
      "system:serviceaccount:shop:x",
      "system:nodes:x",
      "x system:node:a",
      "SYSTEM:NODE:a",
    ]) {
      expect(by(user)).toMatchObject({ kind: "inject" });
    }
  });

  test.for([
    [{ os: { name: "windows" } }, "skip"],
    [{ nodeSelector: { "kubernetes.io/os": "windows" } }, "skip"],
    [{ os: { name: "linux" }, nodeSelector: { "kubernetes.io/os": "windows" } }, "inject"],
    [{ os: { name: "Windows" } }, "inject"],
    [{ nodeSelector: { "beta.kubernetes.io/os": "windows" } }, "skip"],
    [{ os: { name: "linux" }, nodeSelector: { "beta.kubernetes.io/os": "windows" } }, "inject"],
    [{ nodeSelector: { "beta.kubernetes.io/os": "linux" } }, "inject"],
  ] as const)("a pod for Windows: %j is %s", ([spec, kind]) => {
    expect(admitted(plainPod(spec)).kind).toBe(kind);
  });

  test.for(AFFINITIES)("a pod whose node affinity to Windows %s: %s", ([, kind, terms, preferred]) => {
    const required = { nodeSelectorTerms: terms };
    const nodeAffinity = preferred
      ? { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: terms[0] }] }
      : { requiredDuringSchedulingIgnoredDuringExecution: required };
    expect(admitted(plainPod({ affinity: { nodeAffinity } })).kind).toBe(kind);
    const linux = plainPod({ affinity: { nodeAffinity }, os: { name: "linux" } });
    expect(admitted(linux).kind).toBe("inject");
  });

  test.for([
    ["a role", { [ANNOTATION.role]: BILLING }, ["WINDOWS_WITHOUT_ROLE"]],
    ["a role for a container", { [`${CONTAINER_ROLE_PREFIX}app`]: BILLING }, ["WINDOWS_WITHOUT_ROLE"]],
    ["nothing", {}, []],
  ] as const)("a pod for Windows that asks for %s", ([, annotations, found]) => {
    const one = pod({ os: { name: "windows" } }, annotations);
    expect(admitted(one, facts({ account: { [ANNOTATION.serviceAccountRole]: BILLING } }))).toMatchObject({
      kind: "skip",
      reason: "windows-pod",
    });
    expect(codes(one)).toEqual(found);
  });

  test("a pod with neither guard nor role", () => {
    expect(admitted(plainPod(), facts(), config({ guard: "off" }))).toMatchObject({
      reason: "nothing-to-do",
    });
  });
});

describe("on the node's network", () => {
  const host = { hostNetwork: true };
  test("a pod with a role is always refused, and a pod without a role unless the setting is warn", () => {
    const warn = config({ hostNetwork: "warn" });
    expect(denials(pod(host), facts(), warn)).toEqual(["HOST_NETWORK"]);
    expect(denials(plainPod(host))).toEqual(["HOST_NETWORK"]);
    expect(codes(plainPod(host), facts(), warn)).toEqual(["HOST_NETWORK_UNGUARDED"]);
  });

  test("a denial names everything else that is wrong with the pod", () => {
    const also = pod({ ...host, hostPID: true }, { [ANNOTATION.role]: "no role", [ANNOTATION.inject]: "no" });
    expect(denials(also)).toEqual(["HOST_NETWORK", "ANNOTATION_INVALID", "ROLE_MALFORMED", "HOST_NAMESPACE"]);
    expect(denials(plainPod({ ...host, hostPID: true }))).toEqual(["HOST_NETWORK", "HOST_NAMESPACE"]);
  });

  test("a pod is refused even if it opts out of the sidecar", () => {
    expect(denials(pod(host, { [ANNOTATION.role]: BILLING, [ANNOTATION.inject]: "false" }))).toEqual([
      "HOST_NETWORK",
    ]);
  });
});

describe("opting out", () => {
  test("removes the sidecar and keeps the guard", () => {
    expect(admitted(annotated({ [ANNOTATION.inject]: "false" }))).toMatchObject({
      kind: "inject",
      guard: "block",
      sidecar: undefined,
    });
  });

  test.for(["true", "enabled"])("does not happen for the value %s", (value) => {
    expect(admitted(annotated({ [ANNOTATION.inject]: value }))).toMatchObject({
      sidecar: { identities: [{ role: BILLING }] },
    });
  });

  test.for(["disabled", "False", "no", "0", ""])(
    "is refused for the value %j, whose meaning is not clear",
    (value) => {
      expect(denials(annotated({ [ANNOTATION.inject]: value }))).toEqual(["ANNOTATION_INVALID"]);
    },
  );
});

describe("the namespace's settings", () => {
  test("turn the guard off with a warning on every pod", () => {
    expect(codes(pod(), onNamespace({ [ANNOTATION.guard]: "off" }))).toEqual(["GUARD_OFF"]);
    expect(
      admitted(pod(), onNamespace({ [ANNOTATION.guard]: "block" }), config({ guard: "off" })),
    ).toMatchObject({
      guard: "block",
    });
  });

  test.for(["Off", "false", "", "none"])("refuse every pod when the guard is %j", (value) => {
    expect(denials(pod(), onNamespace({ [ANNOTATION.guard]: value }))).toEqual(["ANNOTATION_INVALID"]);
  });

  test("choose a source only when the installation allows it, and the default policy depends on that source", () => {
    const wanted = onNamespace({ [ANNOTATION.source]: "ambient" });
    expect(denials(pod(), wanted)).toEqual(["ANNOTATION_INVALID"]);
    expect(denials(pod(), wanted, config({ sourceOverride: ["ambient"] }))).toEqual(["ROLE_NOT_ALLOWED"]);
    const off = config({ sourceOverride: ["ambient"], policy: "off" });
    expect(admitted(pod(), wanted, off)).toMatchObject({ sidecar: { source: "ambient" } });
    expect(admitted(pod(), onNamespace({ [ANNOTATION.source]: "web-identity" }))).toMatchObject({
      kind: "inject",
    });
  });

  test("cannot be set on the pod itself", () => {
    const chooses = annotated({ [ANNOTATION.guard]: "off", [ANNOTATION.source]: "node" });
    expect(admitted(chooses)).toMatchObject({ guard: "block", sidecar: { source: "web-identity" } });
    expect(codes(chooses)).toEqual(["ANNOTATION_MISPLACED", "ANNOTATION_MISPLACED"]);
  });

  test.for(["auto", "block", "verify", "off"])("are not the guard's mode %s that a pod asks for", (mode) => {
    const level = { "pod-security.kubernetes.io/enforce": "restricted" };
    const one = annotated({ [ANNOTATION.guard]: mode, ...level });
    const labelled = {
      ...one,
      metadata: { ...one.metadata, labels: { [ANNOTATION.guard]: mode, ...level } },
    };
    const account = { [ANNOTATION.guard]: mode, ...level };
    expect(admitted(labelled, facts({ account }))).toMatchObject({ guard: "block" });
    expect(admitted(labelled, facts({ account, labels: level }))).toMatchObject({ guard: "verify" });
    // Neither is what a pod says of an earlier pass.
    const forged = annotated({ [ANNOTATION.status]: `{"guard":"${mode}"}` });
    expect(admitted(forged)).toMatchObject({ guard: "block" });
  });

  test.for(["baseline", "restricted"])(
    "choose guard mode verify at Pod Security %s, and warn of a namespace that asks for block there",
    (level) => {
      const inMode = (guard?: string) =>
        facts({
          labels: { "pod-security.kubernetes.io/enforce": level },
          annotations: guard === undefined ? {} : { [ANNOTATION.guard]: guard },
        });
      const decided = (guard?: string) => {
        const outcome = admitted(pod(), inMode(guard));
        return [outcome.kind === "inject" && outcome.guard, ...outcome.findings.map(({ code }) => code)];
      };
      expect(decided()).toEqual(["verify"]);
      expect(decided("auto")).toEqual(["verify"]);
      expect(decided("verify")).toEqual(["verify"]);
      expect(decided("block")).toEqual(["block", "BLOCK_NEEDS_PRIVILEGED"]);
      expect(decided("off")).toEqual([undefined, "GUARD_OFF"]);
    },
  );

  test.for<[string, string]>([
    ["privileged", "block"],
    ["baseline", "verify"],
    ["restricted", "verify"],
    ["Privileged", "verify"],
    ["", "verify"],
    ["none", "verify"],
  ])(
    "choose by the label as the API server reads it, for which a value that is no level is restricted: %j, %s",
    ([level, guard]) => {
      const labels = { "pod-security.kubernetes.io/enforce": level };
      expect(admitted(pod(), facts({ labels }))).toMatchObject({ guard });
      // What is only audited or warned of is not enforced.
      const milder = { "pod-security.kubernetes.io/audit": level, "pod-security.kubernetes.io/warn": level };
      expect(admitted(pod(), facts({ labels: milder }))).toMatchObject({ guard: "block" });
    },
  );
});

describe("source node", () => {
  const inVerify = (guard = "verify") => facts({ annotations: { [ANNOTATION.guard]: guard } });
  const node = config({ source: "node", policy: "off", region: "eu-west-1" });
  const user = { securityContext: { runAsUser: 1000, allowPrivilegeEscalation: false } };

  test("is refused to a pod that asks for a role where the guard is in mode verify", () => {
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    for (const where of [inVerify(), facts({ labels })]) {
      expect(denials(pod(), where, node)).toEqual(["SOURCE_NEEDS_BLOCK"]);
      expect(denials(annotated({ [ANNOTATION.role]: "no role" }), where, node)).toContain(
        "SOURCE_NEEDS_BLOCK",
      );
    }
    expect(denials(withApp(user), inVerify("block"), node)).toEqual(["inject"]);
    expect(denials(pod(), inVerify("off"), node)).toEqual(["inject"]);
  });

  test("does not keep a pod without a role from starting there", () => {
    expect(denials(plainPod(), inVerify(), node)).toEqual(["inject"]);
    expect(denials(annotated({ [ANNOTATION.inject]: "false" }), inVerify(), node)).toEqual(["inject"]);
  });

  test("is refused by the namespace's own annotation as well", () => {
    const override = config({ sourceOverride: ["node"], policy: "off", region: "eu-west-1" });
    const annotations = { [ANNOTATION.guard]: "verify", [ANNOTATION.source]: "node" };
    expect(denials(pod(), facts({ annotations }), override)).toEqual(["SOURCE_NEEDS_BLOCK"]);
    expect(denials(pod(), inVerify(), override)).toEqual(["inject"]);
  });
});

describe("no pod at all", () => {
  test.for([
    null,
    undefined,
    7,
    "pod",
    [],
    {},
    { spec: null },
    { spec: [] },
    { spec: {}, metadata: "x" },
    { spec: { containers: {} } },
    { spec: { containers: [null] } },
    { spec: { containers: [[]] } },
    { spec: { containers: [{}] } },
    { spec: { containers: [{ name: 1 }] } },
    { spec: { containers: [{ name: "a", env: [{ value: "x" }] }] } },
    { spec: { containers: [{ name: "a", env: [{ name: "x", value: 1 }] }] } },
    { spec: { containers: [{ name: "a", volumeMounts: [{ name: "x" }] }] } },
    { spec: { containers: [{ name: "a", securityContext: { capabilities: { add: "NET_RAW" } } }] } },
    { spec: { containers: [{ name: "a", securityContext: { capabilities: { drop: [null] } } }] } },
    { spec: { containers: [{ name: "a", securityContext: { privileged: "true" } }] } },
    { spec: { containers: [{ name: "a" }], hostNetwork: "true" } },
    { spec: { containers: [{ name: "a" }], hostPID: 1 } },
    { spec: { containers: [{ name: "a" }], initContainers: "x" } },
    { spec: { containers: [{ name: "a" }], volumes: [{}] } },
    { spec: { containers: [{ name: "a" }] }, metadata: { annotations: [] } },
    { spec: { containers: [{ name: "a" }] }, metadata: { annotations: { a: 1 } } },
    { spec: { containers: [{ name: "a" }] }, metadata: { annotations: { a: {} } } },
  ])("%j is refused, and the message says where", (object) => {
    const { kind, findings } = admitted(object);
    expect(kind).toBe("deny");
    expect(findings).toMatchObject([{ code: "OBJECT_MALFORMED" }]);
    expect(findings[0]?.message).toMatch(/^Not a pod: pod\S* is /);
  });

  test("a pod without containers is refused", () => {
    for (const containers of [[], null, undefined]) {
      expect(denials({ spec: { containers } })).toEqual(["NO_CONTAINERS"]);
    }
  });

  test("a field under __proto__ is ignored", () => {
    expect(denials(json('{"__proto__":{"spec":{"containers":[{"name":"a"}]}}}'))).toEqual([
      "OBJECT_MALFORMED",
    ]);
    const hidden = json('{"spec":{"containers":[{"name":"a"}],"__proto__":{"hostNetwork":true}}}');
    expect(admitted(hidden).kind).toBe("inject");
  });
});

test("the start mode is wait or now; the pod's annotation wins over the installation's", () => {
  expect(admitted(annotated({ [ANNOTATION.start]: "now" }))).toMatchObject({ sidecar: { start: "now" } });
  expect(admitted(pod(), facts(), config({ start: "now" }))).toMatchObject({ sidecar: { start: "now" } });
  for (const value of ["", "Now", "constructor"]) {
    expect(denials(annotated({ [ANNOTATION.start]: value }))).toEqual(["ANNOTATION_INVALID"]);
  }
});
