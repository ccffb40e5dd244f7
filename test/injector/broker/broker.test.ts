import { describe, expect, test } from "vitest";
import type { MadeSession } from "../../../injector/broker/held-sessions.ts";
import { IssueError } from "../../../sidecar/sts/issue-error.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { config } from "../../support/config.ts";
import { BILLING, clusterOf, facts } from "../../support/facts.ts";
import { logLines } from "../../support/log-lines.ts";
import { thrown } from "../../support/thrown.ts";
import { ALLOW, ASKED, POD, rig, SESSION } from "./broker-rig.ts";

test("a request is decided in the order token, pod, facts, session", async () => {
  const { ask, steps, plans, outcomes } = rig();
  expect((await ask()).roleArn).toBe(BILLING);
  expect(steps).toEqual(["token", "pod", "facts", "session"]);
  expect(plans).toMatchObject([{ role: BILLING, rule: "RoleGrant shop", sessionName: "shop.web-0" }]);
  expect(outcomes).toEqual([{ kind: "given", plan: plans[0], session: SESSION }]);
});

describe("a refusal ends it, and says as much as is known", () => {
  const no = new IssueError("TOKEN_NOT_ACCEPTED", "No.", { kind: "definite" });

  test("of the token", async () => {
    const { ask, steps, outcomes } = rig({ reviewToken: () => Promise.reject(no) });
    expect(await thrown(() => ask())).toBe(no);
    expect(steps).toEqual([]);
    expect(outcomes).toEqual([{ kind: "refused", error: no, address: "10.0.0.1" }]);
  });

  test("of everybody, while no pod can get a session, for which nobody is asked", async () => {
    const none = new IssueError("BROKER_IDENTITY_UNAVAILABLE", "None.", { kind: "passing" });
    const { ask, steps } = rig({ cannotIssue: () => none });
    expect(await thrown(() => ask())).toBe(none);
    expect(steps).toEqual([]);
  });

  test("of the pod", async () => {
    const gone = new IssueError("POD_GONE", "It is gone.", { kind: "definite" });
    const { ask, steps, outcomes } = rig({ readPod: () => Promise.reject(gone) });
    expect(await thrown(() => ask())).toBe(gone);
    expect(steps).toEqual(["token"]);
    expect(outcomes).toEqual([
      { kind: "refused", error: gone, address: "10.0.0.1", caller: POD, asked: ASKED },
    ]);
  });

  test("of what it asks for", async () => {
    const { ask, steps } = rig();
    expect((await thrown(() => ask({ body: "{" }))).code).toBe("REQUEST_INVALID");
    expect(steps).toEqual(["token"]);
  });

  test("by a rule, though the session is held", async () => {
    const { ask, steps, outcomes } = rig({ cluster: clusterOf(facts()) });
    expect(await thrown(() => ask())).toMatchObject({
      code: "ROLE_NOT_ALLOWED",
      kind: "definite",
      endsSession: true,
    });
    expect(steps).toEqual(["token", "pod"]);
    expect(outcomes).toMatchObject([{ kind: "refused", caller: POD, error: { code: "ROLE_NOT_ALLOWED" } }]);
  });

  test("by rules that may be old, and ends no session by them", async () => {
    const { ask } = rig({ cluster: clusterOf(facts()), isFollowing: () => false });
    expect(await thrown(() => ask())).toMatchObject({ code: "ROLE_NOT_ALLOWED", endsSession: false });
  });

  test("of a namespace in which podrole does nothing, whatever its pods' annotations say", async () => {
    const { ask, steps } = rig({ excluded: new Set(["shop"]), isFollowing: () => false });
    expect(await thrown(() => ask())).toMatchObject({
      code: "NAMESPACE_EXCLUDED",
      kind: "definite",
      endsSession: true,
    });
    expect(steps).toEqual(["token"]);
  });

  test("that is not by a rule, which ends no session", async () => {
    const { ask } = rig({ readPod: async () => ({ annotations: {}, podIps: [] }) });
    expect(await thrown(() => ask())).toMatchObject({ code: "POD_NOT_INJECTED", endsSession: false });
  });

  test("of STS, as it is", async () => {
    const sts = new IssueError("AccessDenied", "STS says no.", { kind: "definite", remedy: "Trust it." });
    const { ask } = rig({ issueSession: () => Promise.reject(sts) });
    expect(await thrown(() => ask())).toBe(sts);
  });
});

test.for([
  [
    "settings",
    {
      config: () => {
        throw new CodedError("CONFIG_UNREAD", "None yet.");
      },
    },
  ],
  ["facts", { cluster: { facts: () => Promise.reject(new CodedError("GRANT_INVALID", "Grant x.")) } }],
] as const)("without %s nothing is decided, and the sidecar tries again", async ([, over]) => {
  const { ask, steps } = rig(over);
  expect(await thrown(() => ask())).toMatchObject({ code: "FACTS_UNAVAILABLE", kind: "passing" });
  expect(steps).not.toContain("session");
});

test("a mistake of ours is no answer, and its text is printed nowhere", async () => {
  const { log, lines } = logLines();
  const { ask } = rig({ readPod: () => Promise.reject(new TypeError("secret of the pod")), log });
  const error = await thrown(() => ask());
  expect(error).toMatchObject({ code: "INTERNAL", kind: "passing" });
  expect(lines).toMatchObject([
    { msg: "decision failed", error: "TypeError", at: expect.stringContaining("at ") },
  ]);
  expect(JSON.stringify([lines, error.message, error.cause ?? ""])).not.toContain("secret of the pod");
});

test("a namespace has half of the requests that may wait, so that others find a place", async () => {
  const waiting = Promise.withResolvers<MadeSession>();
  const caller = { ...POD };
  const { ask, clock, steps } = rig({
    atOnce: 4,
    reviewToken: async () => ({ ...caller }),
    issueSession: () => waiting.promise,
  });
  const [one, other] = [ask(), ask()];
  await clock.advance(0);
  const before = steps.length;
  expect(await thrown(() => ask())).toMatchObject({
    code: "BROKER_BUSY",
    kind: "throttled",
    message: "Too many pods of namespace shop wait for their sessions.",
  });
  expect(steps).toHaveLength(before);
  caller.namespace = "billing";
  const ofAnother = ask();
  waiting.resolve(SESSION);
  await Promise.all([one, other, ofAnother]);
  caller.namespace = "shop";
  expect((await ask()).roleArn).toBe(BILLING);
});

describe("a pod", () => {
  test("may ask ten times at once, and then once a second", async () => {
    const { ask, clock, steps } = rig();
    const refusals = async (count: number): Promise<readonly unknown[]> =>
      (await Promise.allSettled(Array.from({ length: count }, () => ask()))).filter(
        ({ status }) => status === "rejected",
      );
    expect(await refusals(15)).toHaveLength(5);
    expect(steps.filter((step) => step === "pod")).toHaveLength(10);
    await clock.advance(2000);
    expect(await refusals(5)).toMatchObject(
      Array.from({ length: 3 }, () => ({
        reason: { code: "BROKER_BUSY", kind: "throttled", retryAfterSeconds: 1 },
      })),
    );
  });

  test("that asks too often keeps no other from asking", async () => {
    let podUid = "u-1";
    const { ask } = rig({ reviewToken: async () => ({ ...POD, podUid }) });
    for (let turn = 0; turn < 30; turn += 1) await ask().catch(() => undefined);
    podUid = "u-2";
    expect((await ask()).roleArn).toBe(BILLING);
  });
});

describe("a token from another address than the pod's", () => {
  const strict = { config: () => config({ brokerClients: "pod" as const }) };

  test("is taken, where the settings do not forbid it", async () => {
    expect((await rig().ask({ address: "10.9.9.9" })).roleArn).toBe(BILLING);
  });

  test.for(["10.9.9.9", "", "unix"])("is refused (%s), where they do", async (address) => {
    const { ask, steps } = rig(strict);
    expect(await thrown(() => ask({ address }))).toMatchObject({ code: "CLIENT_NOT_POD", kind: "definite" });
    expect(steps).toEqual(["token", "pod"]);
  });

  test.for(["10.0.0.1", "::ffff:10.0.0.1", "fd00::1", "fd00:0::1"])(
    "is told from the pod's own, however that is written: %s",
    async (address) => {
      expect((await rig(strict).ask({ address })).roleArn).toBe(BILLING);
    },
  );

  test("is refused for a moment where the pod has no address yet", async () => {
    const readPod = async () => ({ annotations: {}, podIps: [] });
    expect(await thrown(() => rig({ ...strict, readPod }).ask())).toMatchObject({
      code: "CLIENT_NOT_POD",
      kind: "passing",
    });
  });
});

test("a grant that is withdrawn takes effect at the next request", async () => {
  let known = facts({ grants: [ALLOW] });
  const { ask } = rig({ cluster: { facts: async () => known } });
  await ask();
  known = facts();
  expect((await thrown(() => ask())).code).toBe("ROLE_NOT_ALLOWED");
});
