import { expect, test } from "vitest";
import { allowance, allowances } from "../../../injector/model/allowance.ts";
import { handClock } from "../../support/hand-clock.ts";

const RATE = { perSecond: 2, burst: 3 };

/** How many of so many attempts may begin. */
const begun = (attempts: number, mayBegin: () => boolean): number =>
  Array.from({ length: attempts }, mayBegin).filter(Boolean).length;

test("an allowance lets a burst begin at once, and then so many in a second", async () => {
  const clock = handClock();
  const mayBegin = allowance(clock, RATE);
  expect(begun(9, mayBegin)).toBe(3);
  await clock.advance(1000);
  expect(begun(9, mayBegin)).toBe(2);
  await clock.advance(60_000);
  expect(begun(9, mayBegin), "a quiet minute gives no more than a burst").toBe(3);
});

test("each key has an allowance of its own", () => {
  const mayBegin = allowances(handClock(), RATE, 10);
  expect(begun(9, () => mayBegin("a"))).toBe(3);
  expect(begun(9, () => mayBegin("b"))).toBe(3);
});

test("of too many keys, the one that was used longest ago is forgotten", () => {
  const mayBegin = allowances(handClock(), RATE, 2);
  for (const key of ["a", "b", "a"]) begun(3, () => mayBegin(key));
  expect(
    begun(1, () => mayBegin("c")),
    "b is forgotten",
  ).toBe(1);
  expect(begun(1, () => mayBegin("a"))).toBe(0);
  expect(begun(9, () => mayBegin("b"))).toBe(3);
});
