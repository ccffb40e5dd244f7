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
import { BILLING, facts } from "../../support/facts.ts";
import {
  FRESH,
  admitted,
  app,
  codes,
  containerNamed,
  denials,
  envOf,
  everyContainer,
  injected,
  pod,
  throughApiServer,
  TOKEN,
} from "../../support/pods.ts";
import { started } from "../../support/started.ts";
import { EMULATE, allowing, allowingV1, asking } from "./imds-rig.ts";

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
  const running = started(injected(asking(), facts(), allowing));
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
  const { operations } = resultForReview(review, facts(), allowing, FRESH);
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
  const { findings } = resultForReview(review, facts({ account: {} }), config(), FRESH);
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
