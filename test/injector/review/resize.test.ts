import { describe, expect, test } from "vitest";
import { OWN_RESOURCES } from "../../../injector/model/own-resources.ts";
import type { Pod } from "../../../injector/model/pod.ts";
import { parseReview } from "../../../injector/review/admission-review.ts";
import type { AdmissionResult } from "../../../injector/review/admission-result.ts";
import { resultForReview } from "../../../injector/review/review.ts";
import { config } from "../../support/config.ts";
import { facts } from "../../support/facts.ts";
import { FRESH, injected, pod } from "../../support/pods.ts";

const running = injected(pod());

const changed = (oldObject: Pod, object: Pod): AdmissionResult =>
  resultForReview(
    parseReview({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      request: {
        uid: "u",
        resource: { group: "", resource: "pods" },
        subResource: "resize",
        namespace: "shop",
        operation: "UPDATE",
        object,
        oldObject,
      },
    }),
    facts(),
    config(),
    FRESH,
  );

const sized = (name: string, resources: unknown, one = running): Pod => ({
  ...one,
  spec: {
    ...one.spec,
    initContainers: (one.spec.initContainers ?? []).map((container) =>
      container.name === name ? { ...container, resources } : container,
    ),
  },
});

describe("a resize", () => {
  const resized = (resources: unknown, was = running, name = "podrole-sidecar"): AdmissionResult =>
    changed(was, sized(name, resources, was));
  const { requests, limits } = OWN_RESOURCES["podrole-sidecar"];

  test.for([
    [
      "a limit of memory",
      { requests, limits: { ...limits, memory: "6Mi" } },
      "sets limits.memory of podrole-sidecar to 6Mi,",
    ],
    [
      "a limit of CPU",
      { requests, limits: { ...limits, cpu: "1m" } },
      "sets limits.cpu of podrole-sidecar to 1m,",
    ],
    [
      "a request of memory",
      { requests: { ...requests, memory: "1" }, limits },
      "sets requests.memory of podrole-sidecar to 1,",
    ],
    [
      "a request of CPU",
      { requests: { ...requests, cpu: "0" }, limits },
      "sets requests.cpu of podrole-sidecar to 0,",
    ],
    [
      "a limit that is no quantity",
      { requests, limits: { ...limits, cpu: "lots" } },
      "sets limits.cpu of podrole-sidecar to lots,",
    ],
  ] as const)("of the sidecar below %s is refused", ([, resources, said]) => {
    const { decision, findings } = resized(resources);
    expect(decision).toBe("deny");
    expect(findings).toMatchObject([{ code: "RESOURCES_BELOW_FLOOR" }]);
    expect(findings[0]?.message).toContain(said);
  });

  test("of the guard is checked in the same way", () => {
    const guard = OWN_RESOURCES["podrole-guard"];
    const starved = { ...guard, limits: { ...guard.limits, memory: "6Mi" } };
    expect(resized(starved, running, "podrole-guard")).toMatchObject({
      decision: "deny",
      findings: [{ code: "RESOURCES_BELOW_FLOOR" }],
    });
  });

  test("of the sidecar to the same values in another notation, to more, or down to the minimum, passes", () => {
    for (const resources of [
      { requests, limits: { cpu: "1000m", memory: "100663296" } },
      { requests: { cpu: "0.02", memory: "1Gi" }, limits: { cpu: "2e0", memory: "1G" } },
      { requests },
      { requests: { cpu: "1m", memory: "16Mi" }, limits: { cpu: "50m", memory: "48Mi" } },
    ]) {
      expect(resized(resources)).toMatchObject({ decision: "allow", findings: [] });
    }
  });

  test("of the app passes even if the sidecar is below the minimum", () => {
    const small = sized("podrole-sidecar", { limits: { memory: "40Mi" } });
    expect(changed(small, small)).toMatchObject({ decision: "allow", findings: [] });
  });

  const limited = (podLimits: object, was: Pod = running): Pod => ({
    ...was,
    spec: { ...was.spec, resources: { limits: podLimits } },
  });

  test.for([
    [
      "memory",
      { memory: "40Mi" },
      "limits.memory of the pod to 40Mi, and podrole-sidecar needs at least 48Mi.",
    ],
    ["CPU", { cpu: "20m" }, "limits.cpu of the pod to 20m, and podrole-guard needs at least 50m."],
  ] as const)(
    "of the whole pod below what guard and sidecar need of %s is refused",
    ([, podLimits, said]) => {
      const { decision, findings } = changed(limited({ cpu: "2", memory: "1Gi" }), limited(podLimits));
      expect(decision).toBe("deny");
      expect(findings).toMatchObject([{ code: "RESOURCES_BELOW_FLOOR" }]);
      expect(findings[0]?.message).toContain(said);
    },
  );

  test("of the whole pod passes with enough for guard and sidecar, or if that limit stays as it is", () => {
    const small = limited({ cpu: "20m", memory: "1Gi" });
    expect(changed(running, limited({ cpu: "50m", memory: "48Mi" }))).toMatchObject({ decision: "allow" });
    expect(changed(small, limited({ cpu: "20m", memory: "2Gi" }))).toMatchObject({ decision: "allow" });
  });
});
