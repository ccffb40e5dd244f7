import { array, assert, asyncProperty, constantFrom, integer, oneof, record } from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { createEngine } from "../../../sidecar/engine/engine.ts";
import { IssueError } from "../../../sidecar/sts/issue-error.ts";
import { FAULTY_BROKER } from "../../support/faulty-broker.ts";
import type { Fault, FaultyPlace, FaultyServer } from "../../support/faulty-server.ts";
import { FAULTY_STS } from "../../support/faulty-sts.ts";
import { handClock } from "../../support/hand-clock.ts";
import { numbers } from "../../support/random-pods.ts";
import { thrown } from "../../support/thrown.ts";

/** The engine by a clock of the test's, over real sockets, against an STS or a broker that fails in every way. */

const SECOND = 1000;
const STEP = 5 * SECOND;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

test("an STS that says nothing for five seconds is STS_TIMEOUT", async () => {
  const sts = await FAULTY_STS.open(Date.now);
  sts.fault = "silence";
  expect(await thrown(sts.issuerAt(Date.now, {}))).toMatchObject({ code: "STS_TIMEOUT", kind: "passing" });
});

interface Rig {
  readonly server: FaultyServer;
  /** Lets time pass, real calls included. @param check is called for every {@link STEP} of it */
  readonly pass: (ms: number, check?: () => Promise<void>) => Promise<void>;
  /** Asks as an app would and holds the answer against all that was ever granted. */
  readonly check: () => Promise<void>;
  readonly jump: (ms: number) => void;
  readonly attempts: () => number;
}

/** @param aheadMs how far the server's clock is ahead of the node's */
async function rig(place: FaultyPlace, aheadMs: number, seed: number): Promise<Rig> {
  const clock = handClock();
  let set = 0;
  const serverNow = (): number => clock.now() - set + aheadMs;
  const server = await place.open(serverNow);
  const issue = server.issuerAt(() => clock.now());
  let attempts = 0;
  let inFlight: Promise<unknown> = Promise.resolve();
  /** The last that came through whole and was not withdrawn, with how long it had to live then. */
  let last: { readonly expiresAt: number; readonly leftMs: number; readonly at: number } | undefined;
  const engine = createEngine({
    issue: () => {
      attempts += 1;
      const call = issue().then(
        (credentials) => {
          const { expiresAt } = credentials;
          const leftMs = expiresAt - clock.now();
          if (leftMs > 0) last = { expiresAt, leftMs, at: clock.elapsed() };
          return credentials;
        },
        (error: unknown) => {
          if (error instanceof IssueError && error.endsSession) last = undefined;
          throw error;
        },
      );
      inFlight = call.catch(() => undefined);
      return call;
    },
    clock,
    random: numbers(seed),
  });
  onTestFinished(() => engine.stop());
  engine.start();

  const check = async (): Promise<void> => {
    const held = engine.current();
    const due = last !== undefined && last.expiresAt > clock.now() && last.leftMs > clock.elapsed() - last.at;
    expect(held !== undefined).toBe(due);
    const before = server.calls;
    const answers = await Promise.allSettled([engine.get(), engine.get(), engine.get()]);
    expect(server.calls).toBe(before);
    for (const answer of answers) {
      expect(answer.status).toBe(due ? "fulfilled" : "rejected");
      if (answer.status === "rejected") continue;
      const granted = server.granted.get(answer.value.accessKeyId);
      expect(granted?.ours).toBe(true);
      expect(answer.value.expiresAt).toBeGreaterThan(clock.now());
      // The server's own word for it, by its own clock.
      expect(granted?.expiresAt).toBeGreaterThan(serverNow());
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
    server,
    check,
    attempts: () => attempts,
    jump: (ms) => {
      clock.jump(ms);
      set += ms;
    },
    pass: async (ms, each) => {
      for (let passed = 0; passed < ms; passed += STEP) {
        await clock.advance(STEP);
        await settled();
        await each?.();
      }
    },
  };
}

const lifetimeSeconds = constantFrom(undefined, 900, 3600, 43_200);
const SLOW: readonly Fault[] = ["silence", "a drip"];

/** What the server does for some minutes; few of them where every call takes real time. */
const phaseOf = ({ faults }: FaultyPlace) =>
  oneof(
    {
      weight: 6,
      arbitrary: record({
        fault: constantFrom(...faults.filter((one) => !SLOW.includes(one))),
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

describe.each([FAULTY_STS, FAULTY_BROKER])("with $name", (place) => {
  const phase = phaseOf(place);

  test("the sidecar serves neither another's credentials nor expired or incomplete ones, through any sequence of faults", async () => {
    const minutes = constantFrom(0, 0, 0.3, 10, -10, 55, -55);
    await assert(
      asyncProperty(
        array(phase, { minLength: 2, maxLength: 8 }),
        minutes,
        integer(),
        async (phases, ahead, seed) => {
          const { server, pass, check, attempts } = await rig(place, ahead * MINUTE, seed);
          for (const one of phases) {
            server.fault = one.fault;
            server.lifetimeSeconds = one.lifetimeSeconds;
            await pass(one.minutes * MINUTE, check);
          }
          // One call for each attempt: no caller adds one. On a busy machine an attempt may be over before its call has
          // reached the server.
          expect(server.calls).toBeLessThanOrEqual(attempts());
          expect(server.calls).toBeGreaterThan(0);
          Object.assign(server, { fault: undefined, lifetimeSeconds: undefined });
          // The longest wait is that of a definite refusal, with its jitter.
          await pass(7 * MINUTE, check);
        },
      ),
      { numRuns: place.sequences },
    );
  }, 600_000);

  test("the sidecar serves nothing expired when clocks are set during faults, and recovers", async () => {
    const jumps = constantFrom(8 * 24 * HOUR, HOUR, 5 * MINUTE, -5 * MINUTE, -HOUR, -8 * 24 * HOUR);
    await assert(
      asyncProperty(array(record({ phase, jump: jumps }), { minLength: 1, maxLength: 5 }), async (phases) => {
        const { server, pass, check, jump } = await rig(place, 0, 1);
        for (const one of phases) {
          server.fault = one.phase.fault;
          await pass(one.phase.minutes * MINUTE, check);
          jump(one.jump);
          await check();
        }
      }),
      { numRuns: place.sequences },
    );
  }, 600_000);
});
