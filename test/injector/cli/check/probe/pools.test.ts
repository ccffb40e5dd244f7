import { anything, array, assert, constantFrom, dictionary, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { poolsOf, slimNode } from "../../../../../injector/cli/check/probe/pools.ts";
import { node, NODEGROUP } from "./nodes.ts";

const TYPE = { "node.kubernetes.io/instance-type": "m7g.large" };
const names = (...nodes: readonly object[]): readonly string[] =>
  poolsOf(nodes.map((one) => ({ ...one }))).pools.map(
    ({ name, nodes: fit }) => `${name}: ${fit.map((one) => one.name).join(", ")}`,
  );

describe("pools of nodes", () => {
  test("are told apart by the first of the known labels, else by the instance type", () => {
    expect(
      names(
        node("a", { ...TYPE, [NODEGROUP]: "web", "alpha.eksctl.io/nodegroup-name": "web" }),
        node("b", { ...TYPE, "karpenter.sh/nodepool": "web" }),
        node("c", { "alpha.eksctl.io/nodegroup-name": "own" }),
        node("d", { "kops.k8s.io/instancegroup": "nodes" }),
        node("e", { "cloud.google.com/gke-nodepool": "pool-1" }),
        node("f", TYPE),
        node("g", {}),
      ),
    ).toEqual([
      "alpha.eksctl.io/nodegroup-name=own: c",
      "cloud.google.com/gke-nodepool=pool-1: e",
      "eks.amazonaws.com/nodegroup=web: a",
      "karpenter.sh/nodepool=web: b",
      "kops.k8s.io/instancegroup=nodes: d",
      "node.kubernetes.io/instance-type=m7g.large: f",
      "nodes without a pool's label: g",
    ]);
  });

  test("have the nodes that are ready, take pods and stay; the oldest first", () => {
    const label = { [NODEGROUP]: "web" };
    const metadata = (name: string, over: object) => ({
      metadata: { ...node(name, label).metadata, ...over },
    });
    const conditions = (...list: readonly object[]) => ({ status: { conditions: list } });
    expect(
      names(
        node("young", label, metadata("young", { creationTimestamp: "2026-11-20T00:00:00Z" })),
        node("old", label),
        node("unready", label, conditions({ type: "Ready", status: "Unknown" })),
        node("silent", label, conditions()),
        node("cordoned", label, { spec: { unschedulable: true } }),
        node("going", label, metadata("going", { deletionTimestamp: "2026-11-20T00:00:00Z" })),
        node("scaled-down", label, { spec: { taints: [{ key: "ToBeDeletedByClusterAutoscaler" }] } }),
        node("disrupted", label, { spec: { taints: [{ key: "karpenter.sh/disrupted" }] } }),
        node("tainted", label, { spec: { taints: [{ key: "team", value: "x", effect: "NoSchedule" }] } }),
      ),
    ).toEqual([`${NODEGROUP}=web: old, tainted, young`]);
  });

  test("do not have Windows nodes, nor nodes that are no machines, which are counted", () => {
    const found = poolsOf([
      node("win", { "kubernetes.io/os": "windows", [NODEGROUP]: "win" }),
      node("fargate-1", { "eks.amazonaws.com/compute-type": "fargate" }),
      node("vk", { type: "virtual-kubelet" }),
      node("auto", { "eks.amazonaws.com/compute-type": "auto", "karpenter.sh/nodepool": "general-purpose" }),
    ]);
    expect(found).toMatchObject({
      windows: 1,
      virtual: 2,
      pools: [{ name: "karpenter.sh/nodepool=general-purpose" }],
    });
  });

  test("know the EC2 instance of a node from its provider id", () => {
    const id = (providerID: unknown) =>
      poolsOf([node("a", {}, { spec: { providerID } })]).pools[0]?.nodes[0]?.instance;
    expect(id("aws:///eu-west-1a/i-0123456789abcdef0")).toBe("i-0123456789abcdef0");
    expect(id("aws:///eu-west-1a/fargate-ip-10-0-0-1")).toBeUndefined();
    expect(id("gce://project/zone/node; rm -rf")).toBeUndefined();
    expect(id(7)).toBeUndefined();
  });

  test("are found among objects of any form", () => {
    assert(
      property(array(dictionary(constantFrom("metadata", "spec", "status"), anything())), (nodes) => {
        const { pools, windows, virtual } = poolsOf(nodes.map(slimNode));
        const count = pools.reduce((sum, { nodes: fit }) => sum + fit.length, 0);
        expect(count + windows + virtual).toBeLessThanOrEqual(nodes.length);
      }),
    );
  });

  test("are the same of nodes without what is not read here", () => {
    const nodes = [
      node("a", { [NODEGROUP]: "web" }, { spec: { providerID: "aws:///z/i-0a", taints: [{ key: "x" }] } }),
      node("b", {}, { status: {} }),
      {},
      { metadata: null, spec: 7, status: { conditions: "?" } },
    ];
    expect(poolsOf(nodes.map(slimNode))).toEqual(poolsOf(nodes));
  });
});
