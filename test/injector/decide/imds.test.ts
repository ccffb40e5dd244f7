import { describe, expect, test } from "vitest";
import { parseReview } from "../../../injector/review/admission-review.ts";
import { patchBetween } from "../../../injector/mutate/patch.ts";
import type { Container, Pod } from "../../../injector/model/pod.ts";
import { resultForReview } from "../../../injector/review/review.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import { APP_ENV, CONTAINER } from "../../../sidecar/contract/pod.ts";
import { applied } from "../../support/additions.ts";
import { config } from "../../support/config.ts";
import { ACCOUNT, BILLING, facts } from "../../support/facts.ts";
import {
  admitted,
  app,
  codes,
  containerNamed,
  denials,
  envOf,
  everyContainer,
  injected,
  plainPod,
  pod,
  throughApiServer,
  TOKEN,
} from "../../support/pods.ts";

const EMULATE = { [ANNOTATION.imds]: "emulate" };
const allowing = config({ imds: "allow-emulate" });
const allowingV1 = config({ imds: "allow-emulate-v1" });
const asking = (
  annotations: Readonly<Record<string, string>> = {},
  containers: readonly Container[] = [app],
) => pod({ containers }, { [ANNOTATION.role]: BILLING, ...EMULATE, ...annotations });
const namespace = (annotations: Readonly<Record<string, string>>) => facts({ annotations });
const isEmulated = (one: Pod): boolean =>
  [CONTAINER.guard, CONTAINER.sidecar].every(
    (name) => envOf(containerNamed(one, name))[ENV.imds] === "emulate",
  );

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

test("containers get the usual variables except AWS_EC2_METADATA_DISABLED", () => {
  const env = envOf(containerNamed(injected(asking(), facts(), allowing), "app"));
  expect(env).toMatchObject({ [APP_ENV.fullUri]: expect.stringContaining("127.0.0.1") as string });
  expect(env).not.toHaveProperty(APP_ENV.metadataDisabled);
  expect(envOf(containerNamed(injected(pod(), facts(), allowing), "app"))).toHaveProperty(
    APP_ENV.metadataDisabled,
    "true",
  );
});

test.for([
  [{ name: "AWS_EC2_METADATA_DISABLED", value: "true" }, ["IMDS_SHADOWED"]],
  [{ name: "AWS_EC2_METADATA_DISABLED", value: "TRUE" }, ["IMDS_SHADOWED"]],
  [{ name: "AWS_EC2_METADATA_DISABLED", valueFrom: {} }, ["IMDS_SHADOWED"]],
  [{ name: "AWS_EC2_METADATA_DISABLED", value: "false" }, []],
  [{ name: "AWS_EC2_METADATA_SERVICE_ENDPOINT", value: "http://x" }, ["IMDS_SHADOWED"]],
] as const)(
  "a variable that keeps SDKs away from the service stays, with a warning: %j",
  ([variable, expected]) => {
    const one = asking({}, [{ ...app, env: [variable] }]);
    expect(codes(one, facts(), allowing)).toEqual(expected);
    expect(containerNamed(injected(one, facts(), allowing), "app").env).toContainEqual(variable);
  },
);

test("the service's addresses are exempt from the container's proxy, however the proxy is set", () => {
  const proxy = { name: "HTTPS_PROXY", value: "http://proxy:3128" };
  const noProxy = (...env: readonly object[]): string | undefined =>
    envOf(
      containerNamed(
        injected(asking({}, [{ ...app, env: [proxy, ...env] as Container["env"] & {} }]), facts(), allowing),
        "app",
      ),
    )["NO_PROXY"];
  const all = "127.0.0.1,169.254.169.254,fd00:ec2::254";
  expect(noProxy()).toBe(all);
  expect(noProxy({ name: "NO_PROXY", value: ".svc" })).toBe(`.svc,${all}`);
  expect(noProxy({ name: "NO_PROXY", value: "169.254.169.254 , 127.0.0.1" })).toBe(
    "169.254.169.254 , 127.0.0.1,fd00:ec2::254",
  );
  expect(noProxy({ name: "NO_PROXY", value: "*" })).toBe("*");
  const elsewhere = { name: "NO_PROXY", valueFrom: { configMapKeyRef: { name: "a", key: "b" } } };
  const { findings } = admitted(asking({}, [{ ...app, env: [proxy, elsewhere] }]), facts(), allowing);
  expect(findings).toMatchObject([
    { code: "PROXY_NOT_EXEMPT", remedy: expect.stringContaining("169.254.169.254") as string },
  ]);
});

test("a second pass changes nothing, also after the API server's round trip", () => {
  for (const annotations of [{}, { [ANNOTATION.imdsV1]: "allowed" }]) {
    const after = injected(asking(annotations), facts(), allowingV1);
    expect(injected(after, facts(), allowingV1)).toEqual(after);
    const settled = throughApiServer(after);
    expect(patchBetween(settled, injected(settled, facts(), allowingV1))).toEqual([]);
  }
});

describe("a pod that brings its own guard and sidecar is denied", () => {
  const emulated = injected(asking(), facts(), allowing);
  const blocking = injected(pod(), facts(), allowing);
  const asked = { ...EMULATE, ...blocking.metadata?.annotations };

  test("when they emulate and the pod does not ask for it", () => {
    const { [ANNOTATION.imds]: _, ...annotations } = emulated.metadata?.annotations ?? {};
    expect(denials({ ...emulated, metadata: { annotations } }, facts(), allowing)).toEqual([
      "INJECTED_DIFFERENTLY",
    ]);
  });

  test("when they block and the pod asks for emulation", () => {
    expect(denials({ ...blocking, metadata: { annotations: asked } }, facts(), allowing)).toEqual([
      "INJECTED_DIFFERENTLY",
    ]);
  });

  test.for([
    [CONTAINER.sidecar, ENV.imdsV1, "allowed"],
    [CONTAINER.sidecar, ENV.imdsNodePaths, "meta-data/instance-id"],
    [CONTAINER.sidecar, ENV.imdsFacts, "{}"],
    [CONTAINER.sidecar, ENV.imdsPort, "1"],
    [CONTAINER.guard, ENV.imdsPort, "1"],
    [CONTAINER.guard, ENV.imds, "block"],
  ] as const)("when %s has another %s", ([name, variable, value]) => {
    const forged = everyContainer(emulated, (one) =>
      one.name === name
        ? {
            ...one,
            env: [...(one.env ?? []).filter((each) => each.name !== variable), { name: variable, value }],
          }
        : one,
    );
    expect(denials(forged, facts(), allowing)).toEqual(["INJECTED_DIFFERENTLY"]);
  });
});

test("a container that kubectl debug adds to an emulated pod may use the service too", () => {
  const running = injected(asking(), facts(), allowing);
  const debugged = {
    ...running,
    spec: { ...running.spec, ephemeralContainers: [{ name: "debugger", image: "busybox" }] },
  };
  const review = parseReview({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "u",
      resource: { group: "", resource: "pods" },
      subResource: "ephemeralcontainers",
      namespace: "shop",
      operation: "UPDATE",
      object: debugged,
      oldObject: running,
    },
  });
  const { operations } = resultForReview(review, facts(), allowing, () => TOKEN);
  const after = applied(debugged, operations);
  const [added] = after.spec.ephemeralContainers ?? [];
  const env = envOf(added ?? app);
  expect(env).toHaveProperty(APP_ENV.token, TOKEN);
  expect(env).not.toHaveProperty(APP_ENV.metadataDisabled);
});

test("the status says when the service is emulated, and omits it when it is blocked", () => {
  const statusOf = (one: Pod): unknown => JSON.parse(one.metadata?.annotations?.[ANNOTATION.status] ?? "");
  expect(statusOf(injected(asking(), facts(), allowing))).toMatchObject({ guard: "block", imds: "emulate" });
  expect(statusOf(injected(asking(), facts(), allowing))).not.toHaveProperty("imdsV1");
  const v1 = injected(asking({ [ANNOTATION.imdsV1]: "allowed" }), facts(), allowingV1);
  expect(statusOf(v1)).toMatchObject({ imds: "emulate", imdsV1: "allowed" });
  expect(statusOf(injected(pod(), facts(), allowing))).not.toHaveProperty("imds");
});

test("a workload gets a warning for what its pods would be denied", () => {
  const template = {
    metadata: { annotations: { [ANNOTATION.role]: BILLING, ...EMULATE } },
    spec: { containers: [app] },
  };
  const object = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" }, spec: { template } };
  const review = parseReview({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "u",
      resource: { group: "apps", resource: "deployments" },
      namespace: "shop",
      operation: "CREATE",
      object,
    },
  });
  const { findings } = resultForReview(review, facts({ account: {} }), config(), () => TOKEN);
  expect(findings).toMatchObject([{ code: "IMDS_NOT_ALLOWED", severity: "warn" }]);
});

test("messages shorten a huge value and a huge name", () => {
  const outcomes = [
    admitted(asking({ [ANNOTATION.imds]: "x".repeat(200_000) }), facts(), allowing),
    admitted(asking({ [ANNOTATION.containers]: "" }, [{ name: "x".repeat(200_000) }]), facts(), allowing),
  ];
  for (const { findings } of outcomes) {
    expect(findings.length).toBeGreaterThan(0);
    for (const { message } of findings) expect(message.length).toBeLessThan(700);
  }
});
