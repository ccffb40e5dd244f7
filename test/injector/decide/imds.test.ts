import { describe, expect, test } from "vitest";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import { CONTAINER } from "../../../sidecar/contract/pod.ts";
import { config } from "../../support/config.ts";
import { ACCOUNT, BILLING, facts } from "../../support/facts.ts";
import {
  admitted,
  app,
  codes,
  containerNamed,
  denials,
  envOf,
  injected,
  plainPod,
  pod,
} from "../../support/pods.ts";
import { EMULATE, allowing, allowingV1, asking, namespace, isEmulated } from "./imds-rig.ts";

describe("the metadata service is emulated", () => {
  test("when the pod asks for it and the setting allows it", () => {
    expect(isEmulated(injected(asking(), facts(), allowing))).toBe(true);
    expect(codes(asking(), facts(), allowing)).toEqual([]);
  });

  test("when the namespace asks for it and the pod has no annotation", () => {
    expect(isEmulated(injected(pod(), namespace(EMULATE), allowing))).toBe(true);
  });

  test("for no pod with block, and none without the annotation", () => {
    const block = pod({}, { [ANNOTATION.role]: BILLING, [ANNOTATION.imds]: "block" });
    expect(isEmulated(injected(block, namespace(EMULATE), allowing))).toBe(false);
    expect(isEmulated(injected(pod(), facts(), allowingV1))).toBe(false);
  });

  test("when the annotation names all containers", () => {
    const all = asking({ [ANNOTATION.containers]: "app,logs" }, [app, { name: "logs" }]);
    expect(isEmulated(injected(all, facts(), allowing))).toBe(true);
  });

  test.for(["web-identity", "node", "ambient"] as const)("with source %s", (source) => {
    const settings = config({ imds: "allow-emulate", source, ambientSecret: "s", policy: "off" });
    const secured = { ...app, securityContext: { runAsUser: 1000 } };
    expect(isEmulated(injected(asking({}, [secured]), facts(), settings))).toBe(true);
  });
});

describe("a pod that asks for it is denied", () => {
  test("when the setting does not allow it, whether pod or namespace asks", () => {
    expect(denials(asking())).toEqual(["IMDS_NOT_ALLOWED"]);
    expect(denials(pod(), namespace(EMULATE))).toEqual(["IMDS_NOT_ALLOWED"]);
    expect(denials(plainPod(), namespace(EMULATE))).toEqual(["IMDS_NOT_ALLOWED"]);
  });

  test("when an admin has set block on the namespace", () => {
    expect(denials(asking(), namespace({ [ANNOTATION.imds]: "block" }), allowingV1)).toEqual([
      "IMDS_NOT_ALLOWED",
    ]);
  });

  test("when it asks for answers without a token, and the setting or the namespace does not allow them", () => {
    const v1 = asking({ [ANNOTATION.imdsV1]: "allowed" });
    expect(denials(v1, facts(), allowing)).toEqual(["IMDS_NOT_ALLOWED"]);
    expect(denials(v1, namespace({ [ANNOTATION.imdsV1]: "denied" }), allowingV1)).toEqual([
      "IMDS_NOT_ALLOWED",
    ]);
    expect(denials(asking(), namespace({ [ANNOTATION.imdsV1]: "allowed" }), allowing)).toEqual([
      "IMDS_NOT_ALLOWED",
    ]);
  });

  test("when the guard is off, since the node's service would answer", () => {
    expect(denials(asking(), namespace({ [ANNOTATION.guard]: "off" }), allowing)).toEqual([
      "IMDS_NEEDS_GUARD",
    ]);
    expect(denials(asking(), facts(), config({ imds: "allow-emulate", guard: "off" }))).toEqual([
      "IMDS_NEEDS_GUARD",
    ]);
  });

  test("when the guard is in mode verify, which leads no request to the sidecar", () => {
    const restricted = facts({ labels: { "pod-security.kubernetes.io/enforce": "restricted" } });
    for (const where of [restricted, namespace({ [ANNOTATION.guard]: "verify" })]) {
      expect(admitted(asking(), where, allowing)).toMatchObject({
        kind: "deny",
        findings: [{ code: "IMDS_NEEDS_GUARD", message: expect.stringContaining("mode verify") as string }],
      });
    }
    expect(denials(pod(), namespace({ ...EMULATE, [ANNOTATION.guard]: "verify" }), allowing)).toEqual([
      "IMDS_NEEDS_GUARD",
    ]);
    expect(denials(pod(), namespace({ [ANNOTATION.guard]: "verify" }), allowing)).toEqual(["inject"]);
  });

  test.for([
    ["a container is skipped", { [ANNOTATION.skipContainers]: "logs" }],
    ["only one container is named", { [ANNOTATION.containers]: "app" }],
    ["no container is named", { [ANNOTATION.containers]: "" }],
    ["a container has a role of its own", { [`podrole.dev/role.logs`]: `${ACCOUNT}logs` }],
    [
      "every container has a role of its own",
      { [`podrole.dev/role.app`]: `${ACCOUNT}app`, [`podrole.dev/role.logs`]: `${ACCOUNT}logs` },
    ],
  ] as const)("when %s, which emulation could not tell apart", ([, annotations]) => {
    const two = asking(annotations, [app, { name: "logs" }]);
    expect(denials(two, facts(), allowing)).toEqual(["IMDS_SHARED"]);
  });

  test("when only an init container is skipped", () => {
    const one = pod(
      { initContainers: [{ name: "setup" }] },
      { [ANNOTATION.role]: BILLING, ...EMULATE, [ANNOTATION.skipContainers]: "setup" },
    );
    expect(denials(one, facts(), allowing)).toEqual(["IMDS_SHARED"]);
  });

  test("when only containers have roles and the pod has none", () => {
    const one = pod({}, { ...EMULATE, "podrole.dev/role.app": BILLING });
    expect(denials(one, facts(), allowing)).toEqual(["IMDS_SHARED"]);
  });

  test.for([
    [ANNOTATION.imds, "Emulate"],
    [ANNOTATION.imds, ""],
    [ANNOTATION.imdsV1, "true"],
    [ANNOTATION.imdsV1, "allowed\n"],
  ] as const)("when %s is %j on the pod or its namespace", ([key, value]) => {
    expect(denials(asking({ [key]: value }), facts(), allowingV1)).toEqual(["ANNOTATION_INVALID"]);
    expect(denials(asking(), namespace({ [key]: value }), allowingV1)).toEqual(["ANNOTATION_INVALID"]);
  });
});

test("a pod without a role gets no emulation, and a warning if the pod itself asks for it", () => {
  const plain = plainPod({});
  const asks = pod({}, EMULATE);
  expect(codes(asks, facts(), allowing)).toEqual(["IMDS_WITHOUT_ROLE"]);
  expect(codes(plain, namespace(EMULATE), allowing)).toEqual([]);
  for (const [one, known] of [
    [asks, facts()],
    [plain, namespace(EMULATE)],
  ] as const) {
    expect(envOf(containerNamed(injected(one, known, allowing), CONTAINER.guard))[ENV.imds]).toBeUndefined();
  }
});

test("every pod with answers without a token gets a warning", () => {
  expect(codes(asking({ [ANNOTATION.imdsV1]: "allowed" }), facts(), allowingV1)).toEqual(["IMDS_V1_ALLOWED"]);
});
