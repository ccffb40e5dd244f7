import { expect, test } from "vitest";
import { callBudget, type CallBudget } from "../../../injector/broker/call-budget.ts";
import { handClock, type HandClock } from "../../support/hand-clock.ts";

/** Makes every call that may be made in a time. @returns their number */
async function callsIn(ms: number, budget: CallBudget, clock: HandClock): Promise<number> {
  const end = clock.elapsed() + ms;
  let calls = 0;
  for (;;) {
    for (; budget.waitMs() === 0; calls += 1) budget.spend();
    const wait = budget.waitMs();
    if (clock.elapsed() + wait > end) break;
    await clock.advance(wait);
  }
  await clock.advance(end - clock.elapsed());
  return calls;
}

test("a budget allows so many calls a second, and a quarter of them at once", async () => {
  const clock = handClock();
  const budget = callBudget(200, clock);
  expect(await callsIn(0, budget, clock)).toBe(50);
  expect(await callsIn(10_000, budget, clock)).toBeCloseTo(2000, -1);
});

test("a budget saves up no more than a quarter of a second's calls", async () => {
  const clock = handClock();
  const budget = callBudget(200, clock);
  await clock.advance(3_600_000);
  expect(await callsIn(0, budget, clock)).toBe(50);
});

test("a budget of one call a second makes one call a second", async () => {
  const clock = handClock();
  expect(await callsIn(9999, callBudget(1, clock), clock)).toBe(10);
});

test("calls beyond the budget are made up for by waiting", async () => {
  const clock = handClock();
  const budget = callBudget(10, clock);
  for (let call = 0; call < 12; call += 1) budget.spend();
  expect(budget.waitMs()).toBe(1050);
});

test("a budget is halved when STS throttles, once for all calls of a second", async () => {
  const clock = handClock();
  const budget = callBudget(200, clock);
  for (let call = 0; call < 64; call += 1) budget.throttled();
  expect(budget.callsPerSecond()).toBe(100);
  await clock.advance(1000);
  budget.throttled();
  expect(budget.callsPerSecond()).toBeCloseTo((100 + 200 / 60) / 2);
});

test("a budget grows back within a minute when STS throttles no more", async () => {
  const clock = handClock();
  const budget = callBudget(200, clock);
  for (let second = 0; second < 60; second += 1) {
    budget.throttled();
    await clock.advance(1000);
  }
  expect(budget.callsPerSecond()).toBeLessThan(10);
  await clock.advance(60_000);
  expect(budget.callsPerSecond()).toBe(200);
});

test("a budget never falls below one call a second, by which it finds out that STS throttles no more", async () => {
  const clock = handClock();
  const budget = callBudget(2, clock);
  for (let second = 0; second < 20; second += 1) {
    await clock.advance(1000);
    budget.throttled();
  }
  expect(budget.callsPerSecond()).toBeGreaterThanOrEqual(1);
});
