import { expect, onTestFinished, test } from "vitest";
import { createEngine, PATIENCE_MS } from "../../../sidecar/engine/engine.ts";
import type { Credentials } from "../../../sidecar/sts/credentials.ts";
import { credentials } from "../../support/credentials.ts";
import {
  denied,
  engineRig,
  HOUR,
  MINUTE,
  SECOND,
  throttled,
  unreachable,
  withdrawn,
} from "../../support/engine-rig.ts";
import { handClock } from "../../support/hand-clock.ts";
import { thrown } from "../../support/thrown.ts";

test("the engine makes about forty calls in a day and always has more than 20 minutes left", async () => {
  const { clock, engine, attempts } = engineRig();
  await clock.advance(SECOND);
  for (let minute = 0; minute < 24 * 60; minute += 1) {
    await clock.advance(MINUTE);
    expect((engine.current()?.expiresAt ?? 0) - clock.now()).toBeGreaterThan(20 * MINUTE);
  }
  expect(attempts.length).toBeGreaterThan(36);
  expect(attempts.length).toBeLessThan(42);
});

test("the engine makes one call to STS for 10,000 callers at once, and all get its credentials", async () => {
  const { clock, engine, attempts } = engineRig({ tookMs: 300 });
  const callers = Array.from({ length: 10_000 }, () => engine.get());
  await clock.advance(300);
  const answers = await Promise.all(callers);
  expect(new Set(answers.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set(["ASIA1"]));
  expect(attempts).toHaveLength(1);
});

test("the engine lets a caller wait 0.8 s for a slow STS and then tells it to try again", async () => {
  const { clock, engine } = engineRig({ tookMs: 4 * SECOND });
  const refused = thrown(() => engine.get());
  await clock.advance(PATIENCE_MS);
  expect(await refused).toMatchObject({ code: "CREDENTIALS_NOT_READY" });
  await clock.advance(4 * SECOND);
  expect(await engine.get()).toMatchObject({ accessKeyId: "ASIA1" });
});

test("the engine lets nobody wait during a renewal", async () => {
  const { clock, engine, attempts, ...rest } = engineRig();
  await clock.advance(SECOND);
  Object.assign(rest.sts, { tookMs: 4 * SECOND });
  while (attempts.length < 2) await clock.advance(SECOND);
  expect(await engine.get()).toMatchObject({ accessKeyId: "ASIA1" });
});

test("the engine serves its session in an outage until it expires, and no second longer", async () => {
  const { clock, engine, sts } = engineRig();
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

test("a refusal that ends the session does so at once, and the next grant brings another", async () => {
  const { clock, engine, sts, attempts } = engineRig();
  await clock.advance(SECOND);
  sts.error = withdrawn;
  while (attempts.length < 2) await clock.advance(SECOND);
  expect(attempts[1]).toBeLessThan(41 * MINUTE);
  expect(await thrown(() => engine.get())).toMatchObject({ code: "ROLE_NOT_ALLOWED", kind: "definite" });
  expect(engine.problem()).toMatchObject({ code: "ROLE_NOT_ALLOWED" });
  delete sts.error;
  await clock.advance(2 * SECOND);
  expect(await engine.get()).toMatchObject({ accessKeyId: "ASIA3" });
});

test("the engine has credentials within half a minute after an outage of hours", async () => {
  const { clock, engine, sts } = engineRig();
  await clock.advance(SECOND);
  sts.error = unreachable;
  await clock.advance(5 * HOUR);
  delete sts.error;
  await clock.advance(30 * SECOND);
  expect(engine.current()).toBeDefined();
});

test("the engine makes a few calls a minute in an outage of an hour", async () => {
  const { clock, attempts } = engineRig({ error: unreachable });
  await clock.advance(HOUR);
  expect(attempts.length).toBeLessThan(4 * 60 + 10);
});

test("the engine passes a definite refusal to the caller at once, with STS's code and the remedy", async () => {
  const { clock, engine } = engineRig({ error: denied });
  await clock.advance(SECOND);
  expect(await thrown(() => engine.get())).toMatchObject({ code: "AccessDenied", remedy: "Trust it." });
  expect(engine.problem()).toMatchObject({ code: "AccessDenied" });
});

test("the engine retries a definite refusal more and more slowly, and recovers when the role is created", async () => {
  const { clock, engine, attempts, sts } = engineRig({ error: denied });
  await clock.advance(HOUR);
  expect(attempts.slice(0, 5).map((at) => Math.round(at / SECOND))).toEqual([0, 1, 3, 7, 11]);
  expect(attempts.slice(5, 9).map((at) => Math.round(at / SECOND))).toEqual([31, 91, 271, 571]);
  expect(attempts.length).toBeLessThan(21);
  delete sts.error;
  await clock.advance(6 * MINUTE);
  expect(await engine.get()).toBeDefined();
});

test("the engine reports a start as refused at the fifth refusal, ten seconds after the first", async () => {
  const { clock, engine, attempts } = engineRig({ error: denied });
  const refused = thrown(() => engine.firstSession);
  await clock.advance(9 * SECOND);
  expect(attempts).toHaveLength(4);
  await clock.advance(3 * SECOND);
  expect(await refused).toBe(denied);
  expect(attempts).toHaveLength(5);
});

test("the engine has a role's session at once when the role is created five seconds after the first refusal", async () => {
  const { clock, engine, sts } = engineRig({ error: denied });
  await clock.advance(5 * SECOND);
  delete sts.error;
  await clock.advance(4 * SECOND);
  await expect(engine.firstSession).resolves.toBeUndefined();
});

test("the engine counts refusals of a start although other failures come between them", async () => {
  const { clock, engine, sts } = engineRig({ error: denied });
  const refused = thrown(() => engine.firstSession);
  await clock.advance(2 * SECOND);
  sts.error = unreachable;
  await clock.advance(5 * SECOND);
  sts.error = denied;
  await clock.advance(15 * SECOND);
  expect(await refused).toBe(denied);
});

test("the engine that has had a session reports no start as refused, and keeps trying", async () => {
  const { clock, engine, sts } = engineRig();
  await clock.advance(SECOND);
  sts.error = denied;
  await clock.advance(3 * HOUR);
  await expect(engine.firstSession).resolves.toBeUndefined();
  delete sts.error;
  await clock.advance(7 * MINUTE);
  expect(engine.current()).toBeDefined();
});

test("the engine that reported a start as refused keeps trying, for an app that does not wait", async () => {
  const { clock, engine, sts } = engineRig({ error: denied });
  await clock.advance(HOUR);
  delete sts.error;
  await clock.advance(7 * MINUTE);
  expect(engine.current()).toBeDefined();
});

test("the engine serves a deleted role until its last session ends", async () => {
  const { clock, engine, sts } = engineRig();
  await clock.advance(SECOND);
  sts.error = denied;
  await clock.advance(50 * MINUTE);
  expect(await engine.get()).toMatchObject({ accessKeyId: "ASIA1" });
  await clock.advance(11 * MINUTE);
  expect(await thrown(() => engine.get())).toMatchObject({ code: "AccessDenied" });
});

test("the engine calls an STS that throttles less often than one that is down", async () => {
  const slow = engineRig({ error: throttled });
  await slow.clock.advance(10 * MINUTE);
  const down = engineRig({ error: unreachable });
  await down.clock.advance(10 * MINUTE);
  expect(slow.attempts.length).toBeLessThan(15);
  expect(slow.attempts.length).toBeLessThan(down.attempts.length / 2);
});

test("the engine renews sessions of 15 minutes half-way", async () => {
  const { clock, attempts } = engineRig({ lifetimeMs: 15 * MINUTE });
  await clock.advance(HOUR);
  expect(attempts.length).toBeGreaterThan(7);
  expect(attempts.length).toBeLessThan(11);
});

test("the engine calls an STS that grants milliseconds once a second, and serves nothing beyond them", async () => {
  const { clock, engine, attempts } = engineRig({ lifetimeMs: 2 });
  await clock.advance(MINUTE);
  expect(attempts.length).toBeGreaterThan(55);
  expect(attempts.length).toBeLessThan(65);
  await clock.advance(500);
  expect(engine.current()).toBeUndefined();
});

test("the engine gives up an attempt that hangs after 25 seconds and makes another", async () => {
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
  await clock.advance(24 * SECOND);
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
  const { clock, engine, attempts } = engineRig();
  await clock.advance(SECOND);
  engine.stop();
  await clock.advance(24 * HOUR);
  expect(attempts).toHaveLength(1);
});
