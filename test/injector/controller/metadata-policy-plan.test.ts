import { describe, expect, test } from "vitest";
import {
  OWN_LABELS,
  planOf,
  policyOf,
  type HeldPolicy,
  type LabelledNamespace,
} from "../../../injector/controller/metadata-policy-plan.ts";
import { metadataPolicy } from "../../../sidecar/contract/metadata-policy.ts";
import type { Fields } from "../../../injector/model/read.ts";

const ADDRESSES = ["169.254.169.254", "fd00:ec2::254"];
const WANTED = metadataPolicy(ADDRESSES).spec;
const OPEN = { podSelector: {}, egress: [{}], policyTypes: ["Egress"] };

const namespace = (name: string, isGoing = false): LabelledNamespace => ({ name, isGoing });
const object = (name: string, spec: object = WANTED, metadata: object = {}): Fields => ({
  metadata: { namespace: name, uid: `uid-${name}`, resourceVersion: "7", labels: OWN_LABELS, ...metadata },
  spec,
});
const policy = (...args: Parameters<typeof object>): HeldPolicy => policyOf(object(...args));
const FOREIGN = { labels: { "app.kubernetes.io/managed-by": "Helm" } };

const plan = (namespaces: readonly LabelledNamespace[], policies: readonly HeldPolicy[] = []) =>
  planOf({ namespaces, policies, excluded: new Set(["kube-system"]), addresses: ADDRESSES });
const nothing = { steps: [], kept: [], foreign: [] };

describe("the plan for NetworkPolicies", () => {
  test("makes one in a labelled namespace without one", () => {
    expect(plan([namespace("shop")])).toEqual({
      ...nothing,
      steps: [{ do: "create", namespace: "shop" }],
    });
  });

  test("leaves one that is right, in whatever order its fields are", () => {
    const sorted = {
      podSelector: {},
      egress: [{ to: WANTED.egress[0].to }],
      policyTypes: ["Egress"],
    };
    expect(plan([namespace("shop")], [policy("shop", sorted)])).toEqual({ ...nothing, kept: ["shop"] });
  });

  test.for<readonly [string, object]>([
    ["opened", OPEN],
    ["closed to all", { ...WANTED, egress: [] }],
    ["given rules for what comes in", { ...WANTED, ingress: [{}] }],
    ["that blocks other addresses", metadataPolicy(["169.254.169.254"]).spec],
    [
      "that blocks them in another order",
      metadataPolicy(["169.254.169.254", "fd00::1", "fd00:ec2::254"]).spec,
    ],
    ["made very long", { ...WANTED, egress: Array.from({ length: 5000 }, () => ({})) }],
  ])("repairs its own where it was %s", ([, spec]) => {
    expect(plan([namespace("shop")], [policy("shop", spec)])).toEqual({
      ...nothing,
      steps: [{ do: "repair", namespace: "shop", resourceVersion: "7" }],
    });
  });

  test("leaves another owner's, and reports it unless it is right", () => {
    const others = [policy("shop", OPEN, FOREIGN), policy("chart", WANTED, FOREIGN)];
    expect(plan([namespace("shop"), namespace("chart")], others)).toEqual({
      ...nothing,
      kept: ["chart"],
      foreign: ["shop"],
    });
  });

  test("removes its own from a namespace that is not labelled, or excluded, and leaves others'", () => {
    const held = [policy("shop"), policy("kube-system"), policy("chart", WANTED, FOREIGN)];
    expect(plan([namespace("kube-system")], held)).toEqual({
      ...nothing,
      steps: ["shop", "kube-system"].map((one) => ({
        do: "remove",
        namespace: one,
        uid: `uid-${one}`,
        resourceVersion: "7",
      })),
    });
  });

  test("writes nothing into a namespace that is being deleted, and waits for a policy that is", () => {
    const going = { deletionTimestamp: "2026-11-29T05:00:00Z" };
    const held = [policy("kept", OPEN, going), policy("unlabelled", WANTED, going)];
    expect(plan([namespace("going", true), namespace("kept")], held)).toEqual(nothing);
  });

  test("takes an object without labels, uid or spec for another owner's", () => {
    const bare = policyOf({ metadata: { namespace: "shop" } });
    expect(plan([namespace("shop")], [bare])).toEqual({ ...nothing, foreign: ["shop"] });
  });
});
