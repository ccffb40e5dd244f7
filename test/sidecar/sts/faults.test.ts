import { array, assert, asyncProperty, constantFrom, integer, oneof, record } from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { Credentials } from "../../../sidecar/sts/credentials.ts";
import { createEngine } from "../../../sidecar/engine/engine.ts";
import { IssueError } from "../../../sidecar/sts/issue-error.ts";
import { Secret } from "../../../sidecar/kit/secret.ts";
import { stsOver } from "../../../sidecar/sts/assume-role.ts";
import { ROLE } from "../../support/credentials.ts";
import { FAULTS, faultySts, type Fault, type FaultySts } from "../../support/faulty-sts.ts";
import { handClock } from "../../support/hand-clock.ts";
import { numbers } from "../../support/random-pods.ts";
import { thrown } from "../../support/thrown.ts";

/** The engine by a clock of the test's, over the SDK and real sockets, against an STS that fails in every way. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const TIMEOUT_MS = 150;

const caller = { kind: "token", token: new Secret("header.payload.signature") } as const;

function issuer(sts: FaultySts, now: () => number): () => Promise<Credentials> {
  const where = { region: "eu-west-1", endpoint: sts.url, fips: false, dualStack: false, ca: undefined };
  const assumeRole = stsOver({ ...where, timeoutMs: TIMEOUT_MS, now });
  const step = { roleArn: ROLE, durationSeconds: 3600 };
  return () => assumeRole({ caller, step, sessionName: "billing.api-0" });
}

test.each([
  ["refused", "ValidationError", "definite"],
  ["denied", "AccessDenied", "definite"],
  ["throttled", "Throttling", "throttled"],
  ["internal failure", "InternalFailure", "passing"],
  ["proxy's 502", "STS_ANSWER_INVALID", "passing"],
  ["proxy's 403", "STS_ANSWER_INVALID", "passing"],
  ["garbage", "STS_ANSWER_INVALID", "passing"],
  ["no XML's end", "STS_ANSWER_INVALID", "passing"],
  ["half a body", "STS_ANSWER_INVALID", "passing"],
  ["a body without end", "STS_ANSWER_INVALID", "passing"],
  ["redirect", "STS_ANSWER_INVALID", "passing"],
  ["204", "STS_ANSWER_INVALID", "passing"],
  ["no credentials", "STS_ANSWER_INVALID", "passing"],
  ["empty credentials", "STS_ANSWER_INVALID", "passing"],
  ["a date that is none", "STS_ANSWER_INVALID", "passing"],
  ["another role's credentials", "STS_ANSWER_WRONG_ROLE", "passing"],
  ["another pod's credentials", "STS_ANSWER_WRONG_ROLE", "passing"],
  ["no name", "STS_ANSWER_WRONG_ROLE", "passing"],
  ["closed", "STS_UNREACHABLE", "passing"],
  ["reset", "STS_UNREACHABLE", "passing"],
  ["silence", "STS_TIMEOUT", "passing"],
  ["a drip", "STS_TIMEOUT", "passing"],
] as const)("an STS that sends %s is %s, %s, and asked once", async (fault, code, kind) => {
  const sts = await faultySts(Date.now);
  sts.fault = fault;
  const error = await thrown(issuer(sts, Date.now));
  expect(error).toBeInstanceOf(IssueError);
  expect(error).toMatchObject({ code, kind });
  expect(error.message).toMatch(/^[^\n<]{20,700}\.$/);
  expect(sts.calls).toBe(1);
  sts.fault = undefined;
  expect(await issuer(sts, Date.now)()).toMatchObject({ roleArn: ROLE });
});

interface Rig {
  readonly sts: FaultySts;
  /** Lets time pass, real calls included. @param check is called for every second of it */
  readonly pass: (ms: number, check?: () => Promise<void>) => Promise<void>;
  /** Asks as an app would and holds the answer against all that was ever granted. */
  readonly check: () => Promise<void>;
  readonly jump: (ms: number) => void;
  readonly attempts: () => number;
}

/** @param aheadMs how far STS's clock is ahead of the node's */
async function rig(aheadMs: number, seed: number): Promise<Rig> {
  const clock = handClock();
  let set = 0;
  const stsNow = (): number => clock.now() - set + aheadMs;
  const sts = await faultySts(stsNow);
  const issue = issuer(sts, () => clock.now());
  let attempts = 0;
  let inFlight: Promise<unknown> = Promise.resolve();
  /** The last that came through whole, with how long it had to live then. */
  let last: { readonly expiresAt: number; readonly leftMs: number; readonly at: number } | undefined;
  const engine = createEngine({
    issue: () => {
      attempts += 1;
      const call = issue().then((credentials) => {
        const { expiresAt } = credentials;
        const leftMs = expiresAt - clock.now();
        if (leftMs > 0) last = { expiresAt, leftMs, at: clock.elapsed() };
        return credentials;
      });
      inFlight = call.catch(() => undefined);
      return call;
    },
    clock,
    random: numbers(seed),
  });
  onTestFinished(() => engine.stop());
  engine.start();

  const check = async (): Promise<void> => {
    const held = engine.held();
    const due = last !== undefined && last.expiresAt > clock.now() && last.leftMs > clock.elapsed() - last.at;
    expect(held !== undefined).toBe(due);
    const before = sts.calls;
    const answers = await Promise.allSettled([engine.get(), engine.get(), engine.get()]);
    expect(sts.calls).toBe(before);
    for (const answer of answers) {
      expect(answer.status).toBe(due ? "fulfilled" : "rejected");
      if (answer.status === "rejected") continue;
      const granted = sts.granted.get(answer.value.accessKeyId);
      expect(granted?.ours).toBe(true);
      expect(answer.value.expiresAt).toBeGreaterThan(clock.now());
      // STS's own word for it, by its own clock.
      expect(granted?.expiresAt).toBeGreaterThan(stsNow());
    }
  };
  const settled = async (): Promise<void> => {
    for (let before = -1; before !== attempts;) {
      before = attempts;
      await inFlight;
      await clock.advance(0);
    }
  };
  return {
    sts,
    check,
    attempts: () => attempts,
    jump: (ms) => {
      clock.jump(ms);
      set += ms;
    },
    pass: async (ms, each) => {
      for (let passed = 0; passed < ms; passed += SECOND) {
        await clock.advance(SECOND);
        await settled();
        await each?.();
      }
    },
  };
}

const lifetimeSeconds = constantFrom(undefined, 900, 3600, 43_200);
const SLOW: readonly Fault[] = ["silence", "a drip"];
/** What STS does for some minutes; few of them where every call takes real time. */
const phase = oneof(
  {
    weight: 6,
    arbitrary: record({
      fault: constantFrom(...FAULTS.filter((one) => !SLOW.includes(one))),
      minutes: integer({ min: 1, max: 70 }),
      lifetimeSeconds,
    }),
  },
  {
    weight: 3,
    arbitrary: record({
      fault: constantFrom(undefined),
      minutes: integer({ min: 1, max: 70 }),
      lifetimeSeconds,
    }),
  },
  {
    weight: 1,
    arbitrary: record({ fault: constantFrom(...SLOW), minutes: constantFrom(1), lifetimeSeconds }),
  },
);

test("through any sequence of faults no credential of another, none expired and none too few is served", async () => {
  const minutes = constantFrom(0, 0, 0.3, 10, -10, 55, -55);
  await assert(
    asyncProperty(
      array(phase, { minLength: 2, maxLength: 8 }),
      minutes,
      integer(),
      async (phases, ahead, seed) => {
        const { sts, pass, check, attempts } = await rig(ahead * MINUTE, seed);
        for (const one of phases) {
          sts.fault = one.fault;
          sts.lifetimeSeconds = one.lifetimeSeconds;
          await pass(one.minutes * MINUTE, check);
        }
        // One call for each attempt: neither the SDK nor any caller adds one. On a busy machine an attempt may be over
        // before its call has reached STS.
        expect(sts.calls).toBeLessThanOrEqual(attempts());
        expect(sts.calls).toBeGreaterThan(attempts() * 0.9);
        Object.assign(sts, { fault: undefined, lifetimeSeconds: undefined });
        // The longest wait is that of a definite refusal, with its jitter.
        await pass(7 * MINUTE, check);
      },
    ),
    { numRuns: 12 },
  );
}, 120_000);

test("clocks that are set while STS fails let nothing out that is over, and heal", async () => {
  const jumps = constantFrom(8 * 24 * HOUR, HOUR, 5 * MINUTE, -5 * MINUTE, -HOUR, -8 * 24 * HOUR);
  await assert(
    asyncProperty(array(record({ phase, jump: jumps }), { minLength: 1, maxLength: 5 }), async (phases) => {
      const { sts, pass, check, jump } = await rig(0, 1);
      for (const one of phases) {
        sts.fault = one.phase.fault;
        await pass(one.phase.minutes * MINUTE, check);
        jump(one.jump);
        await check();
      }
    }),
    { numRuns: 10 },
  );
}, 120_000);

test("10,000 first requests while STS takes its time are one call on the wire, and all have its credentials", async () => {
  const sts = await faultySts(Date.now);
  const engine = createEngine({
    issue: issuer(sts, Date.now),
    clock: handClock(Date.now()),
    random: () => 0.5,
  });
  onTestFinished(() => engine.stop());
  engine.start();
  const answers = await Promise.all(Array.from({ length: 10_000 }, () => engine.get()));
  expect(new Set(answers.map(({ accessKeyId }) => accessKeyId)).size).toBe(1);
  expect(sts.calls).toBe(1);
});
