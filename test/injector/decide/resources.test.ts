import { describe, expect, test } from "vitest";
import { requireConfig } from "../../../injector/config/read-config.ts";
import { OWN_RESOURCES } from "../../../injector/model/own-resources.ts";
import type { Pod, PodSpec } from "../../../injector/model/pod.ts";
import type { Requirements } from "../../../injector/model/resource-amounts.ts";
import { isPodroleContainer } from "../../../injector/model/user-containers.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { CONTAINER } from "../../../sidecar/contract/pod.ts";
import { config } from "../../support/config.ts";
import { BILLING, facts, limitRange } from "../../support/facts.ts";
import { admitted, app, injected, plainPod, pod, withApp } from "../../support/pods.ts";

const { guard, sidecar } = CONTAINER;
const EQUAL = { requests: { cpu: "2", memory: "1Gi" }, limits: { cpu: "2", memory: "1Gi" } };

const resourcesIn = (one: Pod): Readonly<Record<string, Requirements>> =>
  Object.fromEntries(
    (one.spec.initContainers ?? [])
      .filter(isPodroleContainer)
      .map(({ name, ...rest }) => [name, rest["resources"] as Requirements]),
  );
const of = (...args: Parameters<typeof injected>) => resourcesIn(injected(...args));
const asking = (annotations: Readonly<Record<string, string>>, spec: Partial<PodSpec> = {}): Pod =>
  pod(spec, { [ANNOTATION.role]: BILLING, ...annotations });
const equal = (cpu: string, memory: string): Requirements => ({
  requests: { cpu, memory },
  limits: { cpu, memory },
});

describe("the resources of guard and sidecar", () => {
  test("are podrole's own where nobody chooses others", () => {
    expect(of(pod())).toEqual(OWN_RESOURCES);
  });

  test("are those of the settings, and those of the pod's annotations before them", () => {
    const { guardResources, sidecarResources } = requireConfig({
      guardResources: "limits.cpu=500m",
      sidecarResources: "requests.memory=32Mi, limits.memory=128Mi",
    });
    const settings = config({ guardResources, sidecarResources });
    const changed = of(asking({ [ANNOTATION.sidecarResources]: "limits.memory=64Mi" }), facts(), settings);
    expect(changed[guard]?.limits).toEqual({ cpu: "500m", memory: "64Mi" });
    expect(changed[sidecar]).toEqual({
      requests: { cpu: "10m", memory: "32Mi" },
      limits: { cpu: "1", memory: "64Mi" },
    });
  });

  test("follow the one of request and limit that is named", () => {
    const large = of(asking({ [ANNOTATION.sidecarResources]: "requests.cpu=2" }));
    expect(large[sidecar]).toMatchObject({ requests: { cpu: "2" }, limits: { cpu: "2" } });
    const { sidecarResources } = requireConfig({ sidecarResources: "requests.memory=90Mi" });
    const low = of(
      asking({ [ANNOTATION.sidecarResources]: "limits.memory=50Mi" }),
      facts(),
      config({ sidecarResources }),
    );
    expect(low[sidecar]).toMatchObject({ requests: { memory: "50Mi" }, limits: { memory: "50Mi" } });
  });

  test.for([
    [ANNOTATION.guardResources, "limits.memory=31Mi", "must give podrole-guard at least limits.memory=32Mi"],
    [ANNOTATION.guardResources, "limits.memory=6Mi", "at least limits.memory=32Mi"],
    [ANNOTATION.guardResources, "limits.cpu=1m", "at least limits.cpu=50m"],
    [ANNOTATION.sidecarResources, "requests.memory=1Mi", "at least requests.memory=16Mi"],
    [ANNOTATION.sidecarResources, "memory=64Mi", "must have the form"],
    [ANNOTATION.sidecarResources, "limits.memory=much", "must have the form"],
    [ANNOTATION.sidecarResources, "limits.memory=-64Mi", "at least limits.memory=48Mi"],
    [ANNOTATION.sidecarResources, "limits.memory=50331647500m", "at least limits.memory=48Mi"],
    [ANNOTATION.sidecarResources, "limits.cpu=1,limits.cpu=2", "names an amount twice"],
    [ANNOTATION.sidecarResources, "requests.cpu=2,limits.cpu=1", "has a request of cpu above its limit"],
    [ANNOTATION.sidecarResources, "limits.memory=64Mi,", "must have the form"],
    [ANNOTATION.sidecarResources, "limits.nvidia.com/gpu=1", "must have the form"],
  ] as const)("are not those of an annotation %s: %s", ([key, value, said]) => {
    const { kind, findings } = admitted(asking({ [key]: value }));
    expect(kind).toBe("deny");
    expect(findings).toMatchObject([{ code: "ANNOTATION_INVALID" }]);
    expect(findings[0]?.message).toContain(said);
  });

  test("of the guard are no more than those of the pod's containers, which a quota counts", () => {
    const resources = { requests: { cpu: "10m", memory: "20Mi" }, limits: { cpu: "200m", memory: "40Mi" } };
    expect(of(withApp({ resources }, plainPod()))[guard]?.limits).toEqual({ cpu: "200m", memory: "40Mi" });
    const { containers } = withApp({ resources }).spec;
    const unlimited = plainPod({ containers: [...containers, { ...app, name: "other" }] });
    expect(of(unlimited)[guard]).toEqual(OWN_RESOURCES[guard]);
    const tiny = { limits: { cpu: "5m", memory: "8Mi" } };
    expect(of(withApp({ resources: tiny }, plainPod()))[guard]?.limits.cpu).not.toBe("5m");
  });

  test("in one container are the larger of each", () => {
    const { guardResources } = requireConfig({ guardResources: "limits.memory=256Mi" });
    const one = of(pod(), facts(), config({ guardContainer: "sidecar", guardResources }));
    expect(one).toEqual({
      [sidecar]: { requests: { cpu: "10m", memory: "20Mi" }, limits: { cpu: "1", memory: "256Mi" } },
    });
  });

  test("do not change in a second pass, also after others have raised them", () => {
    const ranges = facts({ limitRanges: [limitRange({ type: "Container", max: { cpu: "500m" } })] });
    const once = injected(withApp({ resources: EQUAL }), ranges);
    expect(injected(once, ranges)).toEqual(once);
  });
});

describe("the resources of guard and sidecar in a Guaranteed pod", () => {
  const SMALL = { [guard]: equal("100m", "32Mi"), [sidecar]: equal("100m", "64Mi") };

  test("have requests that equal their limits, and reserve no whole CPU", () => {
    expect(of(withApp({ resources: EQUAL }))).toEqual(SMALL);
    expect(of(withApp({ resources: EQUAL }, plainPod()))).toEqual({ [guard]: SMALL[guard] });
  });

  test("are the same in one container, the larger of each", () => {
    const one = of(withApp({ resources: EQUAL }), facts(), config({ guardContainer: "sidecar" }));
    expect(one).toEqual({ [sidecar]: SMALL[sidecar] });
  });

  test("are those of the annotation, both equal", () => {
    const annotations = { [ANNOTATION.sidecarResources]: "limits.cpu=50m,requests.memory=80Mi" };
    const one = of(withApp({ resources: EQUAL }, asking(annotations)));
    expect(one[sidecar]).toEqual(equal("50m", "80Mi"));
  });

  test("do not have a request of the annotation for a limit below the floor", () => {
    const annotations = {
      [ANNOTATION.guardResources]: "requests.cpu=1m,requests.memory=16Mi",
      [ANNOTATION.sidecarResources]: "requests.cpu=10m,requests.memory=16Mi",
    };
    const own = of(withApp({ resources: EQUAL }, asking(annotations)));
    expect(own).toEqual({ [guard]: equal("50m", "32Mi"), [sidecar]: equal("50m", "48Mi") });
  });

  test("stay equal under a LimitRange", () => {
    const range = limitRange({ type: "Container", min: { memory: "128Mi" }, max: { cpu: "60m" } });
    const own = equal("60m", "1Gi");
    expect(of(withApp({ resources: own }), facts({ limitRanges: [range] }))[sidecar]).toEqual(
      equal("60m", "128Mi"),
    );
  });

  test.for([
    ["limits alone, since the API server completes the requests", { limits: EQUAL.limits }, true],
    ["the same in another notation", { ...EQUAL, limits: { cpu: "2000m", memory: "1024Mi" } }, true],
    ["a smaller request", { ...EQUAL, requests: { cpu: "1", memory: "1Gi" } }, false],
    ["no limit of memory", { requests: { cpu: "2" }, limits: { cpu: "2" } }, false],
    ["nothing", {}, false],
  ] as const)("means a pod with %s: %j", ([, resources, isGuaranteed]) => {
    expect(of(withApp({ resources }))[sidecar]?.requests.cpu === "100m").toBe(isGuaranteed);
  });

  test("also means its init containers", () => {
    const one = withApp({ resources: EQUAL });
    const withInit = (resources: object): Pod => ({
      ...one,
      spec: { ...one.spec, initContainers: [{ ...app, name: "init", resources }] },
    });
    expect(of(withInit(EQUAL))).toEqual(SMALL);
    expect(of(withInit({}))[sidecar]).toEqual(OWN_RESOURCES[sidecar]);
  });

  test("are podrole's own where only the pod as a whole decides about the class", () => {
    const one = withApp({ resources: EQUAL });
    expect(of({ ...one, spec: { ...one.spec, resources: EQUAL } })[sidecar]).toEqual({
      requests: { cpu: "0", memory: "0" },
      limits: { cpu: "1", memory: "96Mi" },
    });
  });
});

test("requests of guard and sidecar take what the pod's own containers leave of the pod's", () => {
  const one = withApp({ resources: { requests: { cpu: "100m", memory: "100Mi" } } });
  const resources = { requests: { cpu: "105m", memory: "1Gi" }, limits: { cpu: "500m", memory: "1Gi" } };
  expect(of({ ...one, spec: { ...one.spec, resources } })[sidecar]).toEqual({
    requests: { cpu: "5m", memory: "20Mi" },
    limits: { cpu: "500m", memory: "96Mi" },
  });
});
