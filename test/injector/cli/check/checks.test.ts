import { GRANT_FIELDS } from "../../../../injector/model/grant.ts";
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { check, isHealthy } from "../../../../injector/cli/check/checks.ts";
import type { CheckFacts } from "../../../../injector/cli/check/facts.ts";
import { CHECKS, type CheckCode } from "../../../../injector/cli/check/result.ts";
import type { InjectorConfig } from "../../../../injector/config/installation.ts";
import { reportOf } from "../../../../injector/cli/check/text.ts";
import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import { isRecord } from "../../../../injector/model/read.ts";
import { plainPod } from "../../../support/pods.ts";
import { brokerConfig, found, granted, healthy, running, shipped, type Loose } from "./healthy.ts";
import { absent, named, unread, said, deployment } from "./checks-rig.ts";

/** All but what only --probe does, in settings that use every part. */
const UNASKED = Object.keys(CHECKS).filter((code) => code !== "PROBE");
const whole = (over: Partial<CheckFacts> = {}): CheckFacts =>
  healthy({ config: brokerConfig, namespaces: found([granted]), ...over });

describe("podrole check", () => {
  test("reports one ok for each check of a healthy cluster", () => {
    const results = check(whole());
    expect(results.filter(({ status }) => status !== "ok")).toEqual([]);
    expect(results.map(({ code }) => code)).toEqual(UNASKED);
  });

  test("looks at nothing of the broker where the settings do not use it", () => {
    const codes = check(healthy()).map(({ code }) => code);
    expect(codes).toEqual(UNASKED.filter((code) => CHECKS[code as CheckCode].group !== "Broker"));
    const config = { ...brokerConfig, source: "node" as const };
    const of = (over: Partial<InjectorConfig>) =>
      check(whole({ config: { ...config, ...over } })).map(({ code }) => code);
    expect(of({})).not.toContain("BROKER");
    expect(of({ sourceOverride: ["broker"] })).toContain("BROKER");
  });

  const READINGS = Object.entries(whole()).flatMap(([key, value]: [string, unknown]) =>
    isRecord(value) && "kind" in value ? [[key, value["value"]] as const] : [],
  );

  test.for([
    ["absent", () => absent],
    ["not to be read", () => unread],
    ["empty", (value: unknown) => found(Array.isArray(value) ? [] : typeof value === "string" ? "" : {})],
  ] as const)("reports something for each check, and nothing good, when everything is %s", ([, instead]) => {
    const some = READINGS.filter(([key]) => key !== "dryRuns" || instead("") === absent);
    const all = check(whole(Object.fromEntries(some.map(([key, value]) => [key, instead(value)]))));
    expect(new Set(all.map(({ code }) => code))).toEqual(new Set(UNASKED));
    const good = all.filter(({ status }) => status === "ok").map(({ code }) => code);
    expect(
      good.filter(
        (code) =>
          ![
            "API_SERVER",
            "DISRUPTION_BUDGET",
            "INJECTOR_OPTIONS",
            "BROKER_SETTINGS",
            "BROKER_ACCESS",
            "DRY_RUN",
            "DRY_RUN_DENIED",
          ].includes(code),
      ),
    ).toEqual([]);
  });

  test("gives a reason for each skipped check and a remedy for each failure", () => {
    const everything = Object.fromEntries(
      Object.entries(whole()).map(([key, value]: [string, unknown]) => [
        key,
        typeof value === "object" && value !== null && "kind" in value ? unread : value,
      ]),
    );
    for (const { status, message, remedy } of check(whole(everything))) {
      if (status === "ok") continue;
      expect(message).toMatch(/HTTP 403: may not\.$|is under podrole|of podrole's|no Deployment/);
      expect(status === "fail" ? remedy : "Skipped.").toMatch(/\.$/);
    }
  });

  test.for(
    Object.keys(healthy()).filter(
      (key) => !["now", "version", "server", "podroleNamespace", "config", "tryIn"].includes(key),
    ),
  )("looks at %s: a problem there changes the report", (key) => {
    const before = JSON.stringify(check(whole()));
    const worse = key === "configProblem" ? "its options cannot be read" : unread;
    expect(JSON.stringify(check(whole({ [key]: worse })))).not.toBe(before);
  });
});

describe("the API server", () => {
  test.for([
    ["1", "28", "fail"],
    ["1", "29", "warn"],
    ["1", "30", "warn"],
    ["1", "31", "ok"],
    ["1", "36+", "ok"],
    ["2", "0", "ok"],
    ["", "", "skip"],
  ] as const)("of version %s.%s: %s", ([major, minor, status]) => {
    expect(said("KUBERNETES_VERSION", { serverVersion: found({ major, minor }) })[0]).toMatch(`${status}: `);
  });

  test("of the oldest version that the chart allows passes, and the one before does not", async () => {
    const chart = await readFile(new URL("../../../../deploy/chart/Chart.yaml", import.meta.url), "utf8");
    const [, minor] = /kubeVersion: ">=1\.(\d+)\.0-0"/.exec(chart) ?? [];
    const status = (one: number) =>
      said("KUBERNETES_VERSION", { serverVersion: found({ major: "1", minor: String(one) }) })[0]?.split(
        ":",
      )[0];
    expect([status(Number(minor)), status(Number(minor) - 1)]).toEqual(["ok", "warn"]);
  });

  test("without the CRD, or with one of another version, fails", () => {
    const crd = (change: (version: Loose, all: Loose) => void) => {
      const { crd: reading } = healthy();
      const object: Loose = structuredClone(reading.kind === "found" ? reading.value : {});
      change(object.spec.versions[0], object);
      return said("CRD", { crd: found(object) })[0];
    };
    expect(said("CRD", { crd: absent })[0]).toMatch(/^fail: .+ is not installed/);
    expect(crd((version) => (version["name"] = "v1beta9"))).toMatch(/^fail: .+ does not serve/);
    expect(crd((_, all) => (all["status"] = {}))).toMatch(/^fail: .+ does not serve it/);
    for (const field of GRANT_FIELDS) {
      expect(
        crd((version) => delete version["schema"].openAPIV3Schema.properties.spec.properties[field]),
      ).toMatch(new RegExp(`^fail: .+ lacks spec\\.${field},`));
    }
    expect(crd((version) => delete version["subresources"])).toMatch(/^warn: .+ no status/);
  });
});

describe("the injector", () => {
  test.for([
    [{}, 2, /^fail: .+ 0 of 2 replicas ready/],
    [{ readyReplicas: 1, updatedReplicas: 1 }, 2, /^warn: .+ 1 of 2 replicas ready/],
    [{ readyReplicas: 2, updatedReplicas: 1 }, 2, /^warn: .+ 1 of them of its newest/],
    [{ readyReplicas: 1, updatedReplicas: 1 }, 1, /^warn: .+ has one replica/],
    [{ readyReplicas: 3, updatedReplicas: 3 }, 3, /^ok/],
  ] as const)("with status %j of %i replicas", ([status, replicas, expected]) => {
    expect(said("INJECTOR", { deployment: deployment(status, replicas) })[0]).toMatch(expected);
  });

  test.for([
    ["podrole/injector:0.1.0", "ok"],
    ["podrole/injector:v0.1.0@sha256:00", "ok"],
    ["podrole/injector:0.2.0", "warn"],
    ["registry:5000/podrole/injector@sha256:00", "skip"],
  ])("of image %s: %s", ([image, status]) => {
    const object = shipped("Deployment", "injector");
    object.spec.template.spec.containers[0].image = image;
    expect(said("INJECTOR_VERSION", { deployment: found(object) })[0]).toMatch(new RegExp(`^${status}`));
  });

  test.for([
    [found({ status: {} }), /^fail: .+ has no ready replica/],
    [absent, /^fail: There is no Deployment podrole-system\/podrole-controller/],
    [found({ status: { readyReplicas: 1 } }), /^ok/],
  ] as const)("without a ready controller fails: %j", ([controller, expected]) => {
    expect(said("CONTROLLER", { controller })[0]).toMatch(expected);
  });

  test("without a Service, or one that leads nowhere, fails; without a budget it warns", () => {
    expect(said("INJECTOR_SERVICE", { service: absent })[0]).toMatch(/^fail/);
    const slices = found([{ endpoints: [{ conditions: { ready: false } }] }, {}]);
    expect(said("INJECTOR_SERVICE", { endpointSlices: slices })[0]).toMatch(/^fail: .+ no ready endpoint/);
    expect(said("DISRUPTION_BUDGET", { disruptionBudget: absent })[0]).toMatch(/^warn/);
    const one = found({ spec: { replicas: 1 } });
    expect(said("DISRUPTION_BUDGET", { disruptionBudget: absent, deployment: one })[0]).toMatch(
      /^skip: .+one replica/,
    );
    const tight = found({
      status: { disruptionsAllowed: 0, expectedPods: 1, currentHealthy: 1, desiredHealthy: 1 },
    });
    expect(said("DISRUPTION_BUDGET", { disruptionBudget: tight })[0]).toMatch(/^warn: .+ 1 of 1/);
  });
});

describe("the report", () => {
  test("is unhealthy when something fails, not when it only warns or was skipped", () => {
    expect(isHealthy(check(healthy({ disruptionBudget: absent, certificate: unread })))).toBe(true);
    expect(isHealthy(check(healthy({ service: absent })))).toBe(false);
  });

  test("contains no line that a name in the cluster could forge", () => {
    const pods = found([
      { namespace: "shop", pods: found([running("a\n  ok    DRY_RUN\u001b[2J", plainPod())]) },
    ]);
    const text = reportOf(check(healthy({ pods })), 96, (_, plain) => plain);
    expect(text).not.toContain("\u001b");
    expect(text.split("\n").filter((line) => line.startsWith("  ok    DRY_RUN"))).toEqual([
      "  ok    DRY_RUN",
      "  ok    DRY_RUN_DENIED",
    ]);
  });

  test("tells of neighbours with the same remedy together", () => {
    const till = named("till", { annotations: { [ANNOTATION.guard]: "off" } });
    const shop = named("shop", { annotations: { [ANNOTATION.guard]: "off" } });
    const text = reportOf(check(healthy({ namespaces: found([shop, till]) })), 400, (_, plain) => plain);
    expect(text).toMatch(/ {2}warn {2}NAMESPACE_SETTINGS\n {8}shop: .+\n {8}till: .+\n {8}To do: .+\n {2}ok/);
  });

  test("ends with the counts, and puts the remedy below each problem", () => {
    const text = reportOf(check(healthy({ disruptionBudget: absent })), 96, (_, plain) => plain);
    expect(text).toMatch(/ {2}warn {2}DISRUPTION_BUDGET\n {8}There is no .+\n {8}To do: Apply/);
    expect(text.trimEnd().split("\n").at(-1)).toBe("22 ok, 1 warn, 0 fail, 0 skip");
  });
});
