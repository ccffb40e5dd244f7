import { describe, expect, test } from "vitest";
import type { BrokerFacts } from "../../../../../injector/cli/demo/print/broker-facts.ts";
import { summaryOf } from "../../../../../injector/cli/demo/print/report.ts";
import { plainPaint } from "../../../../../injector/cli/print/paint.ts";
import { resultOf, type Facts } from "../../../../../injector/cli/demo/print/result.ts";

const ARN = "arn:aws:sts::111122223333:assumed-role/shop/shop.p";
const BROKER = "arn:aws:iam::111122223333:user/podrole-broker";
const app = { arn: ARN, ms: 1, attempts: [] };

const call = {
  action: "AssumeRole",
  caller: BROKER,
  roleArn: "arn:aws:iam::111122223333:role/shop",
  sessionName: "shop.p",
  sourceIdentity: "shop.orders",
  tags: { "kubernetes-pod-uid": "u-1" },
};
const shown: BrokerFacts = {
  arn: BROKER,
  pod: { name: "p", uid: "u-1" },
  call,
  callers: [BROKER],
  otherRole: { status: 403, code: "ROLE_NOT_OF_POD", message: "No." },
  notInjected: { status: 403, code: "POD_NOT_INJECTED", message: "No." },
  withdrawn: { code: "ROLE_NOT_ALLOWED", message: "No." },
  heldUntil: "2026-01-01T01:00:00.000Z",
  stopped: { error: "ECONNREFUSED" },
  withoutBroker: { container: "app", arn: ARN },
};
const facts = (broker: BrokerFacts): Facts => ({
  skipped: "it takes root",
  examples: [
    { file: "pod.yaml", object: "Pod shop/p", decision: "patched", warnings: [], pod: {}, patch: [] },
  ],
  pod: { example: "pod.yaml", name: "p", role: "arn:aws:iam::111122223333:role/shop", containerRoles: {} },
  identities: { app },
  broker,
});
const without = (key: keyof BrokerFacts): BrokerFacts => {
  const { [key]: _, ...rest } = shown;
  return rest as BrokerFacts;
};

describe("the result of source broker", () => {
  test("is fine when everything was as it should be", () => {
    expect(resultOf(facts(shown), 1)).toMatchObject({ ok: true });
  });

  test.each(["call", "otherRole", "notInjected", "withdrawn", "stopped", "withoutBroker"] as const)(
    "is not when nothing was seen of %s",
    (key) => {
      expect(resultOf(facts(without(key)), 1).ok).toBe(false);
    },
  );

  test.each<[string, Partial<BrokerFacts>]>([
    ["another than the broker made the session", { call: { ...call, caller: ARN } }],
    ["another has assumed a role, too", { callers: [BROKER, ARN] }],
    ["the session names another pod", { call: { ...call, tags: { "kubernetes-pod-uid": "u-2" } } }],
    ["it has no source identity", { call: { ...call, sourceIdentity: undefined } }],
    ["another role was given", { otherRole: { status: 200 } }],
    ["it was refused for another reason", { otherRole: { status: 401, code: "TOKEN_NOT_ACCEPTED" } }],
    ["a pod past the webhook was given a role", { notInjected: { status: 200 } }],
    ["the refresh failed for another reason", { withdrawn: { code: "FACTS_UNAVAILABLE" } }],
    ["the broker still answered", { stopped: { status: 200 } }],
    ["the app had no credentials then", { withoutBroker: { container: "app" } }],
  ])("is not when %s", (_what, over) => {
    expect(resultOf(facts({ ...shown, ...over }), 1).ok).toBe(false);
  });
});

describe("the summary of source broker", () => {
  test("names who made the session, and each refusal", () => {
    expect(summaryOf(resultOf(facts(shown), 1234), plainPaint, true)).toMatchInlineSnapshot(`
      "
      Summary, after 1.23 s; nothing is left behind
        the pod is                   arn:aws:sts::111122223333:assumed-role/shop/shop.p
                                     its own role, as its manifest asks (pod.yaml)
        its session was made by      arn:aws:iam::111122223333:user/podrole-broker
                                     the broker: session name shop.p, source identity shop.orders
        its token, for another role  refused, ROLE_NOT_OF_POD
                                     a pod gets the roles that it was created with
        a pod without the webhook    refused, POD_NOT_INJECTED
                                     it has no annotation podrole.dev/status
        its roles withdrawn          refused, ROLE_NOT_ALLOWED
                                     at the sidecar's next refresh
        with the broker stopped      arn:aws:sts::111122223333:assumed-role/shop/shop.p
                                     the app goes on with the credentials that its sidecar holds
        the node is                  not shown here
                                     it takes root
        The pod has a role of its own.
      "
    `);
  });
});
