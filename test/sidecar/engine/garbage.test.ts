import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { collectLater } from "../../../sidecar/engine/garbage.ts";
import { collectGarbage } from "../../../sidecar/kit/collect-garbage.ts";
import { handClock } from "../../support/hand-clock.ts";

function rig() {
  const clock = handClock();
  const stopping = new AbortController();
  let collected = 0;
  const collectSoon = collectLater(() => (collected += 1), clock, stopping.signal);
  return { clock, collectSoon, stop: () => stopping.abort(), collected: () => collected };
}

test("garbage is collected once, a moment later, when ten identities are renewed at once", async () => {
  const { clock, collectSoon, collected } = rig();
  for (let identity = 0; identity < 10; identity += 1) collectSoon();
  expect(collected()).toBe(0);
  await clock.advance(1000);
  expect(collected()).toBe(1);
});

test("garbage is collected after every renewal", async () => {
  const { clock, collectSoon, collected } = rig();
  for (let renewal = 0; renewal < 3; renewal += 1) {
    collectSoon();
    await clock.advance(40 * 60_000);
  }
  expect(collected()).toBe(3);
});

test("garbage is not collected once the sidecar is stopped", async () => {
  const { clock, collectSoon, stop, collected } = rig();
  collectSoon();
  stop();
  await clock.advance(1000);
  expect(collected()).toBe(0);
});

test("garbage collection frees what is no longer referenced", async () => {
  const weak = new WeakRef({ large: "x".repeat(1000) });
  // A WeakRef holds on to the end of the turn that made it.
  await setImmediate();
  collectGarbage();
  expect(weak.deref()).toBeUndefined();
});
