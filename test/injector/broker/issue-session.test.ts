import { describe, expect, test } from "vitest";
import { callBudget } from "../../../injector/broker/call-budget.ts";
import { callQueue } from "../../../injector/broker/call-queue.ts";
import { heldSessions, type MadeSession } from "../../../injector/broker/held-sessions.ts";
import { sessionIssuer } from "../../../injector/broker/issue-session.ts";
import type { SessionPlan } from "../../../injector/decide/pod-session.ts";
import { Secret } from "../../../sidecar/kit/secret.ts";
import type { IssueError } from "../../../sidecar/sts/issue-error.ts";
import { credentials } from "../../support/credentials.ts";
import { denied, HOUR, MINUTE, SECOND, throttled, unreachable } from "../../support/engine-rig.ts";
import { BILLING } from "../../support/facts.ts";
import { handClock } from "../../support/hand-clock.ts";
import { sessionPlan } from "../../support/session-plan.ts";
import { thrown } from "../../support/thrown.ts";

interface Sts {
  error?: IssueError;
  tookMs?: number;
}

/** A broker's sessions with a clock and an STS that the test controls. */
function rig(sts: Sts = {}, callsPerSecond = 200) {
  const clock = handClock();
  const plans: SessionPlan[] = [];
  const makeSession = async (plan: SessionPlan): Promise<MadeSession> => {
    plans.push(plan);
    const requestId = `request-${plans.length}`;
    if (sts.tookMs !== undefined) await clock.sleep(sts.tookMs);
    if (sts.error !== undefined) throw sts.error;
    const [issuedAt, sessionToken] = [clock.now(), new Secret(requestId)];
    return { credentials: credentials({ sessionToken, issuedAt, expiresAt: issuedAt + HOUR }), requestId };
  };
  const held = heldSessions(clock);
  const queue = callQueue({ budget: callBudget(callsPerSecond, clock), clock });
  const made: string[] = [];
  const onMade = ({ pod: { podUid } }: SessionPlan, { requestId }: MadeSession): void =>
    void made.push(`${requestId} for ${podUid}`);
  const issue = sessionIssuer({ makeSession, queue, held, clock, onMade });
  /** Asks, and lets so much time pass. @returns the request's id, the error, or undefined while there is neither */
  const ask = async (plan = sessionPlan(), ms = 0) => {
    let outcome: string | IssueError | undefined;
    issue(plan).then(
      ({ requestId }) => {
        outcome = requestId;
      },
      (error: IssueError) => {
        outcome = error;
      },
    );
    await clock.advance(ms);
    return { outcome };
  };
  return { clock, sts, plans, made, held, queue, issue, ask };
}

const pod = (podUid: string, namespace = "billing"): SessionPlan =>
  sessionPlan({ pod: { namespace, serviceAccount: "reader", pod: "api-0", podUid } });

describe("a session is made once", () => {
  test("however many ask at a time, and is told of once", async () => {
    const { clock, plans, made, issue } = rig({ tookMs: 100 });
    const all = Promise.all(Array.from({ length: 50 }, () => issue(sessionPlan())));
    await clock.advance(100);
    const issued = await all;
    expect(plans).toHaveLength(1);
    expect(new Set(issued.map(({ requestId }) => requestId))).toEqual(new Set(["request-1"]));
    expect(made).toEqual(["request-1 for uid-1"]);
  });

  test("for whoever asks within the first quarter of its life", async () => {
    const { clock, ask } = rig();
    expect(await ask()).toEqual({ outcome: "request-1" });
    await clock.advance(15 * MINUTE);
    expect(await ask()).toEqual({ outcome: "request-1" });
    await clock.advance(1);
    expect(await ask()).toEqual({ outcome: "request-2" });
  });

  test("for all pods of a service account that share their sessions", async () => {
    const { ask } = rig();
    await ask({ ...pod("uid-1"), isShared: true });
    expect(await ask({ ...pod("uid-2"), isShared: true })).toEqual({ outcome: "request-1" });
  });
});

describe("another session is made", () => {
  test.each([
    ["for a pod that has the name of another that is gone", pod("uid-2")],
    ["for another role", sessionPlan({ steps: [{ roleArn: "arn:x", durationSeconds: 3600 }] })],
    [
      "for other session values",
      sessionPlan({ steps: [{ roleArn: BILLING, durationSeconds: 3600, policy: "{}" }] }),
    ],
    ["under another name", sessionPlan({ sessionName: "billing.api-1" })],
    ["with another source identity", sessionPlan({ sourceIdentity: undefined })],
    ["in another region", sessionPlan({ region: "eu-north-1" })],
    ["at another endpoint", sessionPlan({ endpoint: "https://sts.example" })],
  ])("%s", async (_, plan) => {
    const { ask } = rig();
    await ask();
    expect(await ask(plan)).toEqual({ outcome: "request-2" });
  });

  test("for a pod of another namespace, even if both share their sessions", async () => {
    const { ask } = rig();
    await ask({ ...pod("uid-1", "billing"), isShared: true });
    expect(await ask({ ...pod("uid-1", "shop"), isShared: true })).toMatchObject({ outcome: "request-2" });
  });
});

describe("while STS cannot answer", () => {
  test.each([
    ["is out of reach", unreachable],
    ["throttles", throttled],
  ])("a held session is given until it expires, if STS %s", async (_, error) => {
    const { clock, sts, ask } = rig();
    await ask();
    sts.error = error;
    await clock.advance(40 * MINUTE);
    expect(await ask()).toEqual({ outcome: "request-1" });
    await clock.advance(20 * MINUTE - 1);
    expect(await ask()).toEqual({ outcome: "request-1" });
    await clock.advance(1);
    expect(await ask()).toEqual({ outcome: error });
  });

  test("a held session is given to who has waited for long", async () => {
    const { clock, sts, ask } = rig();
    await ask();
    await clock.advance(40 * MINUTE);
    sts.tookMs = 30 * SECOND;
    expect(await ask(undefined, 7999)).toMatchObject({ outcome: undefined });
    expect(await ask(undefined, 8000)).toEqual({ outcome: "request-1" });
  });

  test("a held session is not given when STS refuses, nor from then on", async () => {
    const { clock, sts, ask, held } = rig();
    await ask();
    await clock.advance(40 * MINUTE);
    sts.error = denied;
    expect(await ask()).toMatchObject({ outcome: denied });
    sts.error = unreachable;
    expect(await ask()).toMatchObject({ outcome: unreachable });
    expect(held.size()).toBe(0);
  });
});

describe("who waits for 8 seconds", () => {
  test("is told that the broker is busy, and finds the session when they come again", async () => {
    const { clock, plans, ask } = rig({ tookMs: 9 * SECOND });
    const { outcome } = await ask(undefined, 8 * SECOND);
    expect(outcome).toMatchObject({ code: "BROKER_BUSY", kind: "throttled", retryAfterSeconds: 1 });
    await clock.advance(SECOND);
    expect(await ask()).toEqual({ outcome: "request-1" });
    expect(plans).toHaveLength(1);
  });

  test("finds it being made when they come again too early", async () => {
    const { plans, ask } = rig({ tookMs: 12 * SECOND });
    await ask(undefined, 8 * SECOND);
    expect(await ask(undefined, 4 * SECOND)).toEqual({ outcome: "request-1" });
    expect(plans).toHaveLength(1);
  });

  test("is told how long the queue is", async () => {
    const { clock, issue, ask } = rig({}, 1);
    for (let other = 0; other < 30; other += 1) issue(pod(`other-${other}`)).catch(() => undefined);
    await clock.advance(0);
    const { outcome } = await ask(pod("last"), 8 * SECOND);
    expect(outcome).toMatchObject({ code: "BROKER_BUSY", retryAfterSeconds: 23 });
  });
});

test("a session is told of when it is made, though nobody comes again for it", async () => {
  const { clock, made, ask } = rig({ tookMs: 9 * SECOND });
  expect(await ask(undefined, 8 * SECOND)).toMatchObject({ outcome: { code: "BROKER_BUSY" } });
  expect(made).toEqual([]);
  await clock.advance(SECOND);
  expect(made).toEqual(["request-1 for uid-1"]);
});

test("a failed attempt is not remembered", async () => {
  const { sts, made, ask } = rig({ error: denied });
  expect(await ask()).toMatchObject({ outcome: denied });
  expect(made).toEqual([]);
  delete sts.error;
  expect(await ask()).toEqual({ outcome: "request-2" });
});

test("a namespace that floods the broker does not keep another waiting", async () => {
  const { clock, issue, ask } = rig({}, 10);
  for (let one = 0; one < 1000; one += 1) issue(pod(`flood-${one}`, "flood")).catch(() => undefined);
  await clock.advance(0);
  const { outcome } = await ask(pod("uid-1"), 500);
  expect(outcome).toMatch(/^request-\d$/);
});

test("a failure that nobody waits for any more ends nothing", async () => {
  const { clock, sts, issue } = rig({ tookMs: 20 * SECOND });
  sts.error = unreachable;
  const asked = issue(sessionPlan());
  asked.catch(() => undefined);
  await clock.advance(30 * SECOND);
  expect(await thrown(() => asked)).toMatchObject({ code: "BROKER_BUSY" });
});
