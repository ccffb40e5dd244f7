import { expect, test } from "vitest";
import { engineRig, HOUR, MINUTE, SECOND, unreachable } from "../../support/engine-rig.ts";
import { thrown } from "../../support/thrown.ts";

test("the engine serves no expired session after the machine slept a day, and has a new one in ten seconds", async () => {
  const { clock, engine } = engineRig();
  await clock.advance(MINUTE);
  clock.jump(24 * HOUR);
  expect(engine.current()).toBeUndefined();
  await clock.advance(10 * SECOND);
  expect(await engine.get()).toMatchObject({ accessKeyId: "ASIA2" });
});

test("the engine fetches a new session when the clock is set back", async () => {
  const { clock, attempts } = engineRig();
  await clock.advance(MINUTE);
  clock.jump(-HOUR);
  await clock.advance(10 * SECOND);
  expect(attempts).toHaveLength(2);
});

test("the engine shortens what it shows of a session when the clock is set back in an outage, so that it is served no longer", async () => {
  const { clock, engine, sts } = engineRig();
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
  const { clock, engine, sts } = engineRig();
  await clock.advance(SECOND);
  const { expiresAt } = await engine.get();
  sts.error = unreachable;
  clock.jump(-HOUR);
  expect((await engine.get()).expiresAt).toBe(expiresAt - HOUR);
  clock.jump(HOUR);
  expect((await engine.get()).expiresAt).toBe(expiresAt);
});

test("the engine adds up many small steps of the clock back", async () => {
  const { clock, engine, sts } = engineRig();
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
  const { clock, engine } = engineRig({ lifetimeMs: -MINUTE });
  await clock.advance(SECOND);
  expect(await thrown(() => engine.get())).toMatchObject({
    code: "CREDENTIALS_NOT_READY",
    message: expect.stringContaining("CREDENTIALS_EXPIRED_ON_ARRIVAL"),
  });
});
