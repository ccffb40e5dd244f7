import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { collectGarbage, tidyAfterwards } from "../../../sidecar/engine/garbage.ts";
import { handClock } from "../../support/hand-clock.ts";

function rig() {
  const clock = handClock();
  const stopping = new AbortController();
  let collected = 0;
  const tidy = tidyAfterwards(() => (collected += 1), clock, stopping.signal);
  return { clock, tidy, stop: () => stopping.abort(), collected: () => collected };
}

test("ten identities that are renewed at once are tidied after once, and not at once", async () => {
  const { clock, tidy, collected } = rig();
  for (let identity = 0; identity < 10; identity += 1) tidy();
  expect(collected()).toBe(0);
  await clock.advance(1000);
  expect(collected()).toBe(1);
});

test("every renewal is tidied after", async () => {
  const { clock, tidy, collected } = rig();
  for (let renewal = 0; renewal < 3; renewal += 1) {
    tidy();
    await clock.advance(40 * 60_000);
  }
  expect(collected()).toBe(3);
});

test("nothing is tidied once the sidecar is stopped", async () => {
  const { clock, tidy, stop, collected } = rig();
  tidy();
  stop();
  await clock.advance(1000);
  expect(collected()).toBe(0);
});

test("what nobody holds any more is gone afterwards", async () => {
  const weak = new WeakRef({ large: "x".repeat(1000) });
  // A WeakRef holds on to the end of the turn that made it.
  await setImmediate();
  collectGarbage();
  expect(weak.deref()).toBeUndefined();
});
