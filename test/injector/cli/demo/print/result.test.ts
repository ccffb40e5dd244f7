import { describe, expect, test } from "vitest";
import { summaryOf } from "../../../../../injector/cli/demo/print/report.ts";
import { plainPaint } from "../../../../../injector/cli/print/paint.ts";
import { resultOf, type Facts } from "../../../../../injector/cli/demo/print/result.ts";

const POD = "arn:aws:sts::111122223333:assumed-role/shop/shop.p";
const ARCHIVE = "arn:aws:sts::111122223333:assumed-role/archive/shop.p";
const NODE = "arn:aws:sts::111122223333:assumed-role/node-role/i-1";
const refused = [{ address: "169.254.169.254", outcome: "ECONNREFUSED", ms: 0.4 }];

const good: Facts = {
  examples: [
    { file: "pod.yaml", object: "Pod shop/p", decision: "patched", warnings: [], pod: {}, patch: [] },
  ],
  pod: {
    example: "pod.yaml",
    name: "p",
    role: "arn:aws:iam::111122223333:role/path/shop",
    containerRoles: {},
  },
  identities: { init: { arn: POD, ms: 1, attempts: [] }, app: { arn: POD, ms: 1, attempts: [] } },
  before: { report: { arn: NODE, ms: 1, attempts: [] }, requests: 3 },
  after: { report: { error: "none", ms: 1, attempts: refused }, requests: 0 },
};
const archive = { arn: ARCHIVE, ms: 1, attempts: [] };
const two: Facts = {
  ...good,
  pod: {
    example: "pod.yaml",
    name: "p",
    role: "arn:aws:iam::111122223333:role/path/shop",
    containerRoles: { archive: "arn:aws:iam::111122223333:role/archive" },
  },
  identities: { app: { arn: POD, ms: 1, attempts: [] }, archive },
};
const { before: _before, after: _after, ...alone } = good;
const skipped: Facts = { ...alone, skipped: "it takes root" };

const summary = (facts: Facts, isFull = false) => summaryOf(resultOf(facts, 1234), plainPaint, isFull);

describe("the demo's result", () => {
  test("is fine when everything was as it should be, with or without a network", () => {
    expect(resultOf(good, 1234.4)).toMatchObject({ ok: true, podArn: POD, nodeArn: NODE, elapsedMs: 1234 });
    expect(resultOf(skipped, 1)).toMatchObject({ ok: true, podArn: POD, nodeArn: undefined });
  });

  test("knows the pod's own role from that of one container", () => {
    expect(resultOf(two, 1)).toMatchObject({ ok: true, podArn: POD });
  });

  test.each<[string, Partial<Facts>]>([
    [
      "a container with a role of its own had the pod's",
      { ...two, identities: { archive: { arn: POD, ms: 1, attempts: [] } } },
    ],
    ["a container had another's role", { ...two, identities: { ...two.identities, app: archive } }],
    ["nothing was patched", { examples: [] }],
    ["the demo ended early", { error: "DEMO_TIMED_OUT: It took too long." }],
    ["no container had an identity", { identities: {} }],
    ["one container had none", { identities: { ...good.identities, init: { ms: 1, attempts: [] } } }],
    ["the pod had another role", { identities: { app: { arn: NODE, ms: 1, attempts: [] } } }],
    [
      "the plain app did not get the node's keys",
      { before: { report: { ms: 1, attempts: [] }, requests: 0 } },
    ],
    [
      "the plain app still got them",
      { after: { report: { arn: NODE, ms: 1, attempts: refused }, requests: 0 } },
    ],
    ["a request got through", { after: { report: { ms: 1, attempts: refused }, requests: 1 } }],
    [
      "a connection ran into a time-out",
      {
        after: { report: { ms: 1, attempts: [{ address: "a", outcome: "TIMEOUT", ms: 2000 }] }, requests: 0 },
      },
    ],
    ["no connection was tried", { after: { report: { ms: 1, attempts: [] }, requests: 0 } }],
  ])("is not when %s", (_what, over) => {
    expect(resultOf({ ...good, ...over }, 1).ok).toBe(false);
  });
});

describe("the summary", () => {
  test("names the pod's and the node's identity", () => {
    expect(summary(good)).toMatchInlineSnapshot(`
      "
      Summary, after 1.23 s; nothing is left behind
        the pod is   arn:aws:sts::111122223333:assumed-role/shop/shop.p
        the node is  arn:aws:sts::111122223333:assumed-role/node-role/i-1
        The pod and its node are two identities, and the pod cannot take the node's.
      "
    `);
  });

  test("says in full what the metadata service answered", () => {
    expect(summary(good, true)).toMatchInlineSnapshot(`
      "
      Summary, after 1.23 s; nothing is left behind
        the pod is                  arn:aws:sts::111122223333:assumed-role/shop/shop.p
                                    its own role, as its manifest asks (pod.yaml)
        the node is                 arn:aws:sts::111122223333:assumed-role/node-role/i-1
                                    what every pod on it could be without podrole
        metadata, before the guard  3 requests
                                    a plain app read the node's keys
        metadata, behind the guard  0 requests
                                    169.254.169.254 ECONNREFUSED after 0.4 ms
        The pod and its node are two identities, and the pod cannot take the node's.
      "
    `);
  });

  test("says which role one container has", () => {
    expect(summary(two)).toContain(`  its archive is  ${ARCHIVE}\n`);
    expect(summary(two, true)).toContain(
      `  its container archive is    ${ARCHIVE}\n                              a role for this container alone\n`,
    );
  });

  test("leaves out the node where it is not shown, and says why in full", () => {
    expect(summary(skipped)).not.toContain("node");
    expect(summary(skipped, true)).toMatchInlineSnapshot(`
      "
      Summary, after 1.23 s; nothing is left behind
        the pod is   arn:aws:sts::111122223333:assumed-role/shop/shop.p
                     its own role, as its manifest asks (pod.yaml)
        the node is  not shown here
                     it takes root
        The pod has a role of its own.
      "
    `);
  });

  test("names what ended the demo early, and leaves out what had not happened", () => {
    const { after: _, ...early } = good;
    expect(summary({ ...early, identities: {}, error: "DEMO_DENIED: No." })).toMatchInlineSnapshot(`
      "
      Summary
        the pod is                  unknown
        the node is                 arn:aws:sts::111122223333:assumed-role/node-role/i-1
                                    what every pod on it could be without podrole
        metadata, before the guard  3 requests
                                    a plain app read the node's keys

      Failed after 1.23 s.
        DEMO_DENIED: No.
        Nothing is left behind. --verbose shows every step, and --json has all of it.
      "
    `);
  });

  test("has everything after a failure, and no line of the happy end", () => {
    const failed = { ...good, after: { report: { ms: 1, attempts: refused }, requests: 1 } };
    expect(summary(failed)).toBe(summary(failed, true));
    expect(summary(failed)).toContain("1 request\n");
    expect(summary(failed)).not.toContain("two identities");
  });

  test("names each claim that did not hold", () => {
    expect(summary({ ...good, after: { report: { ms: 1, attempts: refused }, requests: 1 } })).toContain(
      "not so: behind the guard, no request arrives there",
    );
  });
});
