import { expect, onTestFinished, test } from "vitest";
import type { Credentials } from "../../../sidecar/sts/credentials.ts";
import { createEngine, PATIENCE_MS, type Engine } from "../../../sidecar/engine/engine.ts";
import { IssueError } from "../../../sidecar/sts/issue-error.ts";
import { credentials } from "../../support/credentials.ts";
import { handClock, type HandClock } from "../../support/hand-clock.ts";
import { thrown } from "../../support/thrown.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const denied = new IssueError("AccessDenied", "STS refused.", { kind: "definite", remedy: "Trust it." });
const unreachable = new IssueError("STS_UNREACHABLE", "STS cannot be reached.", { kind: "passing" });
const throttled = new IssueError("Throttling", "Rate exceeded.", { kind: "throttled" });

interface Rig {
  readonly clock: HandClock;
  readonly engine: Engine;
  /** When each attempt was made, in milliseconds since the start. */
  readonly attempts: readonly number[];
  /** What STS does from now on: an error to throw, or how long it takes to grant an hour. */
  sts: { error?: IssueError; tookMs?: number; lifetimeMs?: number };
}

function rig(sts: Rig["sts"] = {}): Rig {
  const clock = handClock();
  const start = clock.now();
  const attempts: number[] = [];
  const issue = async (): Promise<Credentials> => {
    attempts.push(clock.now() - start);
    const { error, tookMs = 0, lifetimeMs = HOUR } = made.sts;
    if (tookMs > 0) await clock.sleep(tookMs);
    if (error !== undefined) throw error;
    const issuedAt = clock.now();
    return credentials({
      accessKeyId: `ASIA${attempts.length}`,
      issuedAt,
      expiresAt: issuedAt + lifetimeMs,
    });
  };
  const engine = createEngine({ issue, clock, random: () => 0.5 });
  const made: Rig = { clock, engine, attempts, sts };
  onTestFinished(() => engine.stop());
  engine.start();
  return made;
}

test("the engine makes about forty calls in a day and always has more than 20 minutes left", async () => {
  const { clock, engine, attempts } = rig();
  await clock.advance(SECOND);
  for (let minute = 0; minute < 24 * 60; minute += 1) {
    await clock.advance(MINUTE);
    expect((engine.current()?.expiresAt ?? 0) - clock.now()).toBeGreaterThan(20 * MINUTE);
  }
  expect(attempts.length).toBeGreaterThan(36);
  expect(attempts.length).toBeLessThan(42);
});

test("the engine makes one call to STS for 10,000 callers at once, and all get its credentials", async () => {
  const { clock, engine, attempts } = rig({ tookMs: 300 });
  const callers = Array.from({ length: 10_000 }, () => engine.get());
  await clock.advance(300);
  const answers = await Promise.all(callers);
  expect(new Set(answers.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set(["ASIA1"]));
  expect(attempts).toHaveLength(1);
});

test("the engine lets a caller wait 0.8 s for a slow STS and then tells it to try again", async () => {
  const { clock, engine } = rig({ tookMs: 4 * SECOND });
  const refused = thrown(() => engine.get());
  await clock.advance(PATIENCE_MS);
  expect(await refused).toMatchObject({ code: "CREDENTIALS_NOT_READY" });
  await clock.advance(4 * SECOND);
  expect(await engine.get()).toMatchObject({ accessKeyId: "ASIA1" });
});

test("the engine lets nobody wait during a renewal", async () => {
  const { clock, engine, attempts, ...rest } = rig();
  await clock.advance(SECOND);
  Object.assign(rest.sts, { tookMs: 4 * SECOND });
  while (attempts.length < 2) await clock.advance(SECOND);
  expect(await engine.get()).toMatchObject({ accessKeyId: "ASIA1" });
});

test("the engine serves its session in an outage until it expires, and no second longer", async () => {
  const { clock, engine, sts } = rig();
  await clock.advance(SECOND);
  sts.error = unreachable;
  await clock.advance(HOUR - 2 * SECOND);
  expect(await engine.get()).toMatchObject({ accessKeyId: "ASIA1" });
  await clock.advance(SECOND);
  expect(engine.current()).toBeUndefined();
  expect(await thrown(() => engine.get())).toMatchObject({
    code: "CREDENTIALS_NOT_READY",
    message: expect.stringContaining("STS_UNREACHABLE"),
  });
});

test("the engine has credentials within half a minute after an outage of hours", async () => {
  const { clock, engine, sts } = rig();
  await clock.advance(SECOND);
  sts.error = unreachable;
  await clock.advance(5 * HOUR);
  delete sts.error;
  await clock.advance(30 * SECOND);
  expect(engine.current()).toBeDefined();
});

test("the engine makes a few calls a minute in an outage of an hour", async () => {
  const { clock, attempts } = rig({ error: unreachable });
  await clock.advance(HOUR);
  expect(attempts.length).toBeLessThan(4 * 60 + 10);
});

test("the engine passes a definite refusal to the caller at once, with STS's code and the remedy", async () => {
  const { clock, engine } = rig({ error: denied });
  await clock.advance(SECOND);
  expect(await thrown(() => engine.get())).toMatchObject({ code: "AccessDenied", remedy: "Trust it." });
  expect(engine.problem()).toMatchObject({ code: "AccessDenied" });
});

test("the engine retries a definite refusal more and more slowly, and recovers when the role is created", async () => {
  const { clock, engine, attempts, sts } = rig({ error: denied });
  await clock.advance(HOUR);
  expect(attempts.slice(0, 5).map((at) => Math.round(at / SECOND))).toEqual([0, 20, 80, 260, 560]);
  expect(attempts.length).toBeLessThan(17);
  delete sts.error;
  await clock.advance(6 * MINUTE);
  expect(await engine.get()).toBeDefined();
});

test("the engine serves a deleted role until its last session ends", async () => {
  const { clock, engine, sts } = rig();
  await clock.advance(SECOND);
  sts.error = denied;
  await clock.advance(50 * MINUTE);
  expect(await engine.get()).toMatchObject({ accessKeyId: "ASIA1" });
  await clock.advance(11 * MINUTE);
  expect(await thrown(() => engine.get())).toMatchObject({ code: "AccessDenied" });
});

test("the engine calls an STS that throttles less often than one that is down", async () => {
  const slow = rig({ error: throttled });
  await slow.clock.advance(10 * MINUTE);
  const down = rig({ error: unreachable });
  await down.clock.advance(10 * MINUTE);
  expect(slow.attempts.length).toBeLessThan(15);
  expect(slow.attempts.length).toBeLessThan(down.attempts.length / 2);
});

test("the engine serves no expired session after the machine slept a day, and has a new one in ten seconds", async () => {
  const { clock, engine } = rig();
  await clock.advance(MINUTE);
  clock.jump(24 * HOUR);
  expect(engine.current()).toBeUndefined();
  await clock.advance(10 * SECOND);
  expect(await engine.get()).toMatchObject({ accessKeyId: "ASIA2" });
});

test("the engine fetches a new session when the clock is set back", async () => {
  const { clock, attempts } = rig();
  await clock.advance(MINUTE);
  clock.jump(-HOUR);
  await clock.advance(10 * SECOND);
  expect(attempts).toHaveLength(2);
});

test("the engine shortens what it shows of a session when the clock is set back in an outage, so that it is served no longer", async () => {
  const { clock, engine, sts } = rig();
  await clock.advance(SECOND);
  sts.error = unreachable;
  await clock.advance(10 * MINUTE);
  clock.jump(-6 * HOUR);
  expect((await engine.get()).expiresAt - clock.now()).toBe(50 * MINUTE - SECOND);
  await clock.advance(50 * MINUTE - 2 * SECOND);
  expect(engine.current()).toBeDefined();
  await clock.advance(SECOND);
  expect(engine.current()).toBeUndefined();
  expect(await thrown(() => engine.get())).toMatchObject({ code: "CREDENTIALS_NOT_READY" });
});

test("the engine keeps a session's end when the clock is set back and then corrected", async () => {
  const { clock, engine, sts } = rig();
  await clock.advance(SECOND);
  const { expiresAt } = await engine.get();
  sts.error = unreachable;
  clock.jump(-HOUR);
  expect((await engine.get()).expiresAt).toBe(expiresAt - HOUR);
  clock.jump(HOUR);
  expect((await engine.get()).expiresAt).toBe(expiresAt);
});

test("the engine adds up many small steps of the clock back", async () => {
  const { clock, engine, sts } = rig();
  await clock.advance(SECOND);
  sts.error = unreachable;
  for (let minute = 0; minute < 59; minute += 1) {
    clock.jump(-2 * SECOND);
    await clock.advance(MINUTE);
  }
  expect(engine.current()).toBeDefined();
  await clock.advance(MINUTE);
  expect(engine.current()).toBeUndefined();
});

test("the engine never serves credentials that have expired by this node's clock", async () => {
  const { clock, engine } = rig({ lifetimeMs: -MINUTE });
  await clock.advance(SECOND);
  expect(await thrown(() => engine.get())).toMatchObject({
    code: "CREDENTIALS_NOT_READY",
    message: expect.stringContaining("CREDENTIALS_EXPIRED_ON_ARRIVAL"),
  });
});

test("the engine renews sessions of 15 minutes half-way", async () => {
  const { clock, attempts } = rig({ lifetimeMs: 15 * MINUTE });
  await clock.advance(HOUR);
  expect(attempts.length).toBeGreaterThan(7);
  expect(attempts.length).toBeLessThan(11);
});

test("the engine calls an STS that grants milliseconds once a second, and serves nothing beyond them", async () => {
  const { clock, engine, attempts } = rig({ lifetimeMs: 2 });
  await clock.advance(MINUTE);
  expect(attempts.length).toBeGreaterThan(55);
  expect(attempts.length).toBeLessThan(65);
  await clock.advance(500);
  expect(engine.current()).toBeUndefined();
});

test("the engine gives up an attempt that hangs after half a minute and makes another", async () => {
  const clock = handClock();
  let attempts = 0;
  const issue = (): Promise<Credentials> => {
    attempts += 1;
    return attempts === 1
      ? new Promise(() => undefined)
      : Promise.resolve(credentials({ expiresAt: clock.now() + HOUR }));
  };
  const engine = createEngine({ issue, clock, random: () => 0.5 });
  onTestFinished(() => engine.stop());
  engine.start();
  await clock.advance(29 * SECOND);
  expect(engine.problem()).toMatchObject({ code: "CREDENTIALS_NOT_READY" });
  await clock.advance(2 * SECOND);
  expect(engine.current()).toBeDefined();
});

test("the engine treats an unforeseen error as passing", async () => {
  const clock = handClock();
  const engine = createEngine({ issue: () => Promise.reject(new TypeError("x")), clock, random: () => 0 });
  engine.start();
  await clock.advance(SECOND);
  engine.stop();
  expect(await thrown(() => engine.get())).toMatchObject({ code: "CREDENTIALS_NOT_READY" });
});

test("the engine lets nobody wait before it is started", async () => {
  const clock = handClock();
  const engine = createEngine({ issue: async () => credentials(), clock, random: () => 0 });
  expect(await thrown(() => engine.get())).toMatchObject({ code: "CREDENTIALS_NOT_READY" });
});

test("the engine makes no call once it is stopped", async () => {
  const { clock, engine, attempts } = rig();
  await clock.advance(SECOND);
  engine.stop();
  await clock.advance(24 * HOUR);
  expect(attempts).toHaveLength(1);
});
