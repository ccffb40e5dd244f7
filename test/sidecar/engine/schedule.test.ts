import { expect, test } from "vitest";
import {
  REFUSALS_OF_A_START,
  refreshAt,
  retryDelayMs,
  sleepUntil,
} from "../../../sidecar/engine/schedule.ts";
import { handClock } from "../../support/hand-clock.ts";

const MINUTE = 60_000;
const latest = (): number => 0;
const earliest = (): number => 1 - Number.EPSILON;

test.each([
  { minutes: 15, from: 6.375, to: 7.5 },
  { minutes: 30, from: 12.75, to: 15 },
  { minutes: 45, from: 21.25, to: 25 },
  { minutes: 60, from: 34, to: 40 },
  { minutes: 720, from: 408, to: 480 },
])(
  "the schedule renews a session of $minutes minutes when it is $from to $to minutes old",
  ({ minutes, from, to }) => {
    expect(refreshAt(0, minutes * MINUTE, earliest) / MINUTE).toBeCloseTo(from);
    expect(refreshAt(0, minutes * MINUTE, latest) / MINUTE).toBeCloseTo(to);
  },
);

test("the schedule leaves over 15 minutes of every session that lasts at least 30", () => {
  for (let minutes = 31; minutes <= 720; minutes += 1) {
    expect(minutes - refreshAt(0, minutes * MINUTE, latest) / MINUTE).toBeGreaterThan(15);
  }
});

test("the schedule waits longer the longer an outage lasts, half a minute at most", () => {
  expect(retryDelayMs("passing", 1, earliest)).toBeCloseTo(500);
  expect(retryDelayMs("passing", 4, earliest)).toBeCloseTo(4000);
  expect(retryDelayMs("passing", 1000, earliest)).toBeCloseTo(30_000);
});

test("the schedule never retries in a busy loop, whatever the random numbers", () => {
  expect(retryDelayMs("passing", 1, latest)).toBe(100);
});

test("the schedule gives an STS that throttles at least half of its delay", () => {
  expect(retryDelayMs("throttled", 1, latest)).toBe(2000);
  expect(retryDelayMs("throttled", 1000, latest)).toBe(60_000);
  expect(retryDelayMs("throttled", 1000, earliest)).toBeCloseTo(120_000);
});

test("the schedule retries a refusal four times within ten seconds, then more and more slowly up to 5 minutes", () => {
  const delays = (random: () => number) =>
    [1, 2, 3, 4, 5, 6, 7, 8, 99].map((failures) => retryDelayMs("definite", failures, random));
  expect(delays(latest).slice(0, 4)).toEqual([1000, 2000, 3000, 4000]);
  expect(delays(() => 0.5).slice(4)).toEqual([20_000, 60_000, 180_000, 300_000, 300_000]);
});

test("the schedule spreads the refusals that end a start over ten to twelve seconds, whatever the random numbers", () => {
  const lasts = (random: () => number): number => {
    let ms = 0;
    for (let refusals = 1; refusals < REFUSALS_OF_A_START; refusals += 1)
      ms += retryDelayMs("definite", refusals, random);
    return ms;
  };
  expect(lasts(latest)).toBe(10_000);
  expect(lasts(earliest)).toBeCloseTo(12_000);
});

test("the schedule notices within ten seconds that the wall clock was set forward", async () => {
  const clock = handClock();
  let awake = false;
  void sleepUntil(clock, clock.now() + 60 * MINUTE, new AbortController().signal).then(() => (awake = true));
  await clock.advance(1000);
  clock.jump(60 * MINUTE);
  await clock.advance(10_000);
  expect(awake).toBe(true);
});

test("the schedule wakes when the wall clock is set back, since it may then be too late", async () => {
  const clock = handClock();
  let awake = false;
  void sleepUntil(clock, clock.now() + 60 * MINUTE, new AbortController().signal).then(() => (awake = true));
  await clock.advance(1000);
  clock.jump(-60 * MINUTE);
  await clock.advance(10_000);
  expect(awake).toBe(true);
});

test("the schedule stops sleeping when it is told to", async () => {
  const clock = handClock();
  const stopping = new AbortController();
  const sleeping = sleepUntil(clock, clock.now() + MINUTE, stopping.signal);
  stopping.abort();
  await expect(sleeping).resolves.toBeUndefined();
});
