import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LimitRange } from "../../../injector/model/limit-range.ts";
import { FLOORS } from "../../../injector/model/own-resources.ts";
import type { Container, Pod } from "../../../injector/model/pod.ts";
import {
  amountsOf,
  at,
  resourceOf,
  unitsOf,
  type Requirements,
} from "../../../injector/model/resource-amounts.ts";
import { isPodroleContainer } from "../../../injector/model/user-containers.ts";
import { CONTAINER } from "../../../sidecar/contract/pod.ts";
import { config } from "../../support/config.ts";
import { facts, limitRange } from "../../support/facts.ts";
import { refusals, withLimitRangeDefaults } from "../../support/limit-ranger.ts";
import { admitted, app, injected, plainPod, pod, withApp } from "../../support/pods.ts";

const small = { requests: { cpu: "50m", memory: "128Mi" }, limits: { cpu: "200m", memory: "256Mi" } };

const resourcesIn = (one: Pod): Readonly<Record<string, Requirements>> =>
  Object.fromEntries(
    (one.spec.initContainers ?? [])
      .filter(isPodroleContainer)
      .map(({ name, ...rest }) => [name, rest["resources"] as Requirements]),
  );

const under = (limitRanges: readonly LimitRange[], one: Pod = withApp({ resources: small })) =>
  resourcesIn(injected(one, facts({ limitRanges })));

describe("guard and sidecar in a namespace with a LimitRange", () => {
  test.for([
    [
      "a maximum of 500m CPU for containers",
      { type: "Container", max: { cpu: "500m" } },
      { requests: { cpu: "10m", memory: "20Mi" }, limits: { cpu: "500m", memory: "96Mi" } },
    ],
    [
      "a minimum of 50m CPU and 128Mi for containers",
      { type: "Container", min: { cpu: "50m", memory: "128Mi" } },
      { requests: { cpu: "50m", memory: "128Mi" }, limits: { cpu: "1", memory: "128Mi" } },
    ],
    [
      "a CPU ratio of 10",
      { type: "Container", maxLimitRequestRatio: { cpu: "10" } },
      { requests: { cpu: "10m", memory: "20Mi" }, limits: { cpu: "100m", memory: "96Mi" } },
    ],
    [
      "a ratio of 2 for both",
      { type: "Container", maxLimitRequestRatio: { cpu: "2", memory: "2" } },
      { requests: { cpu: "50m", memory: "32Mi" }, limits: { cpu: "100m", memory: "64Mi" } },
    ],
    [
      "a maximum of 1 CPU for pods",
      { type: "Pod", max: { cpu: "1" } },
      { requests: { cpu: "10m", memory: "20Mi" }, limits: { cpu: "800m", memory: "96Mi" } },
    ],
    [
      "a maximum as a number",
      { type: "Container", max: { cpu: 1 } },
      { requests: { cpu: "10m", memory: "20Mi" }, limits: { cpu: "1", memory: "96Mi" } },
    ],
  ] as const)("have what it asks for: %s", ([, item, sidecar]) => {
    expect(under([limitRange(item)])[CONTAINER.sidecar]).toEqual(sidecar);
  });

  test("have the tightest of several", () => {
    const ranges = ["600m", "300m", "400m"].map((cpu) => limitRange({ type: "Container", max: { cpu } }));
    expect(under(ranges)[CONTAINER.sidecar]?.limits.cpu).toBe("300m");
  });

  test("leave to each other the whole of a pod's maximum, because the guard ends first", () => {
    const of = under([limitRange({ type: "Pod", max: { cpu: "300m" } })]);
    expect(of[CONTAINER.guard]?.limits.cpu).toBe("200m");
    expect(of[CONTAINER.sidecar]?.limits.cpu).toBe("100m");
  });

  test.for([
    [
      "a container",
      { type: "Container", max: { memory: "20Mi" } },
      "max.memory=20Mi, and podrole-guard needs",
    ],
    [
      "a pod",
      { type: "Pod", max: { cpu: "220m" } },
      "max.cpu=220m, of which the pod's own containers take 200m, and podrole-sidecar needs at least limits.cpu=50m",
    ],
  ] as const)("are denied by name where it leaves %s too little", ([, item, said]) => {
    const { kind, findings } = admitted(
      withApp({ resources: small }),
      facts({ limitRanges: [limitRange(item)] }),
    );
    expect(kind).toBe("deny");
    expect(findings[0]).toMatchObject({ code: "LIMIT_RANGE_TOO_TIGHT" });
    expect(findings[0]?.message).toContain(`LimitRange "limits" of namespace shop allows`);
    expect(findings[0]?.message).toContain(said);
    expect(findings[0]?.remedy).toContain("kubectl -n shop edit limitrange limits");
  });

  test("count the defaults that the API server gives to the pod's containers", () => {
    const range = limitRange(
      { type: "Container", default: { cpu: "700m" } },
      { type: "Pod", max: { cpu: "1" } },
    );
    expect(under([range], pod())[CONTAINER.sidecar]?.limits.cpu).toBe("300m");
  });

  test("have podrole's amounts without a guard's or sidecar's LimitRange of other kinds", () => {
    expect(under([limitRange({ type: "PersistentVolumeClaim", max: { storage: "1Gi" } })])).toEqual(
      under([]),
    );
  });
});

/** Amounts below the minimum. */
const shortIn = ([name, all]: readonly [string, Requirements]): readonly string[] =>
  amountsOf(all).flatMap(({ place, quantity }) => {
    const floor = at(FLOORS[name as keyof typeof FLOORS], place);
    const units = (text: string): number => unitsOf(resourceOf(place), text);
    return units(quantity) < units(floor) ? [`${name} ${place} ${quantity}`] : [];
  });

const CPUS = ["10m", "50m", "100m", "200m", "500m", "1", "2"];
const MEMORY = ["16Mi", "32Mi", "64Mi", "128Mi", "256Mi", "1Gi"];
const quantities = fc.record(
  { cpu: fc.constantFrom(...CPUS), memory: fc.constantFrom(...MEMORY) },
  { requiredKeys: [] },
);
const ratios = fc.record(
  { cpu: fc.constantFrom("1", "2", "10", "2.5"), memory: fc.constantFrom("1", "1.5", "4") },
  { requiredKeys: [] },
);
const items = fc.record(
  {
    type: fc.constantFrom("Container", "Pod"),
    min: quantities,
    max: quantities,
    maxLimitRequestRatio: ratios,
  },
  { requiredKeys: ["type"] },
);
const container: fc.Arbitrary<Partial<Container>> = fc.record(
  {
    resources: fc.record({ requests: quantities, limits: quantities }, { requiredKeys: [] }),
    restartPolicy: fc.constant("Always"),
  },
  { requiredKeys: [] },
);

test("a pod that LimitRanges admit is admitted with guard and sidecar too, or denied with the LimitRange's name", () => {
  let [passed, denied] = [0, 0];
  fc.assert(
    fc.property(
      fc.array(container, { minLength: 1, maxLength: 3 }),
      fc.array(container, { maxLength: 2 }),
      fc.array(fc.array(items, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 2 }),
      fc.boolean(),
      fc.constantFrom("init", "sidecar"),
      (apps, inits, ranges, asks, guardContainer) => {
        const limitRanges = ranges.map((one) => limitRange(...one));
        const named = (list: readonly Partial<Container>[], prefix: string, isInit: boolean): Container[] =>
          list.map(({ restartPolicy, ...one }, index) => ({
            ...app,
            ...one,
            ...(isInit && restartPolicy !== undefined ? { restartPolicy } : {}),
            name: `${prefix}${index}`,
          }));
        const spec = { containers: named(apps, "app", false), initContainers: named(inits, "init", true) };
        const before = withLimitRangeDefaults(asks ? pod(spec) : plainPod(spec), limitRanges);
        fc.pre(refusals(before, limitRanges).length === 0);
        const outcome = admitted(before, facts({ limitRanges }), config({ guardContainer }));
        const codes = outcome.findings.filter(({ severity }) => severity === "deny").map(({ code }) => code);
        const isDenied = outcome.kind === "deny";
        expect(new Set(codes)).toEqual(new Set(isDenied ? ["LIMIT_RANGE_TOO_TIGHT"] : []));
        if (isDenied) denied += 1;
        else passed += 1;
        const after = outcome.kind === "inject" ? outcome.after : before;
        expect(refusals(after, limitRanges)).toEqual([]);
        expect(Object.entries(resourcesIn(after)).flatMap(shortIn)).toEqual([]);
      },
    ),
    { numRuns: 400 },
  );
  expect(passed).toBeGreaterThan(200);
  expect(denied).toBeGreaterThan(5);
});
