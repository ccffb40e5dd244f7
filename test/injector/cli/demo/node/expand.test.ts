import { describe, expect, test } from "vitest";
import { environmentOf, expand, fieldOf } from "../../../../../injector/cli/demo/node/expand.ts";
import type { EnvVar, Pod } from "../../../../../injector/model/pod.ts";
import { thrown } from "../../../../support/thrown.ts";

const pod: Pod = {
  metadata: {
    name: "shop-1",
    namespace: "shop",
    uid: "u-1",
    labels: { app: "shop" },
    annotations: { "example.com/a": "b" },
  },
  spec: { containers: [], nodeName: "node-1", serviceAccountName: "seller" },
  status: { podIP: "10.0.1.57", hostIP: "10.0.1.20" },
};

const environment = (...env: EnvVar[]) => environmentOf({ name: "app", env }, pod);

describe("the kubelet's expansion", () => {
  const known = { A: "1", B: "$(A)" };
  test.each([
    ["$(A)", "1"],
    ["x$(A)y$(A)", "x1y1"],
    ["$(B)", "$(A)"],
    ["$(C)", "$(C)"],
    ["$$(A)", "$(A)"],
    ["$$$(A)", "$1"],
    ["$$", "$"],
    ["$A $", "$A $"],
    ["$(A", "$(A"],
    ["$(date +%F)", "$(date +%F)"],
    ["$(toString)", "$(toString)"],
  ])("makes %s into %s", (text, expanded) => {
    expect(expand(text, known)).toBe(expanded);
  });
});

describe("a container's environment", () => {
  test("lets a variable refer to those before it and to none behind", () => {
    expect(
      environment({ name: "A", value: "1" }, { name: "B", value: "$(A)$(C)" }, { name: "C", value: "3" }),
    ).toEqual({ A: "1", B: "1$(C)", C: "3" });
  });

  test("takes the later of two of one name", () => {
    expect(environment({ name: "A", value: "1" }, { name: "A", value: "$(A)2" })).toEqual({ A: "12" });
  });

  test("takes a variable without a value for an empty one", () => {
    expect(environment({ name: "A" })).toEqual({ A: "" });
  });

  test("fills in the downward API's fields as they are, unexpanded", () => {
    const valueFrom = { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } };
    expect(environment({ name: "A", valueFrom })).toEqual({ A: "shop-1" });
  });

  test("refuses what only a cluster has, and names it", async () => {
    const valueFrom = { secretKeyRef: { name: "keys", key: "key" } };
    expect(await thrown(() => environment({ name: "KEY", valueFrom }))).toMatchObject({
      code: "DEMO_UNSUPPORTED",
      message: "Container app sets KEY from something else, which takes a cluster.",
    });
    expect(await thrown(() => environmentOf({ name: "app", envFrom: [{}] }, pod))).toMatchObject({
      code: "DEMO_UNSUPPORTED",
    });
  });
});

describe("the downward API", () => {
  test.each([
    ["metadata.name", "shop-1"],
    ["metadata.namespace", "shop"],
    ["metadata.uid", "u-1"],
    ["metadata.labels['app']", "shop"],
    ["metadata.annotations['example.com/a']", "b"],
    ["metadata.annotations['absent']", ""],
    ["spec.nodeName", "node-1"],
    ["spec.serviceAccountName", "seller"],
    ["status.podIP", "10.0.1.57"],
    ["status.hostIP", "10.0.1.20"],
    ["spec.containers", undefined],
  ])("has %s", (path, value) => {
    expect(fieldOf(pod, path)).toBe(value);
  });
});
