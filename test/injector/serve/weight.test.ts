import { describe, expect, test } from "vitest";
import { bodyLimits } from "../../../injector/serve/bodies.ts";
import { weigh } from "../../../injector/serve/weight.ts";
import { LARGE_POD } from "../../support/large-pod.ts";
import { reviewText } from "../../support/webhook.ts";

const of = (text: string): number => weigh(Buffer.from(text));

describe("the weight of a body", () => {
  test("does not count what only looks like structure, inside a text", () => {
    const plain = of(`["${"x".repeat(12)}"]`);
    expect(of(String.raw`["{[,:]}{[,:]}"]`)).toBe(plain);
    expect(of(String.raw`["\"{\"{\\\"{["]`)).toBe(plain);
    expect(of(`["${"é".repeat(6)}"]`)).toBe(plain);
  });

  test("counts the structure behind a text that ends in a backslash", () => {
    expect(of(String.raw`["\\",{},{}]`)).toBeGreaterThan(of(String.raw`["\",{},{}"]`) + 100);
  });

  test("grows with the length, and not faster", () => {
    const [once, twice] = [10_000, 20_000].map((count) => of(`[${Array(count).fill('{"a":[0]}').join()}]`));
    expect((twice ?? 0) / (once ?? 1)).toBeCloseTo(2, 1);
  });

  test("is less for keys that come again in the same order than for new ones", () => {
    const same = of(`[${Array.from({ length: 100 }, () => '{"k10":0,"b":0}').join()}]`);
    const other = of(`[${Array.from({ length: 100 }, (_, n) => `{"k${(n % 90) + 10}":0,"b":0}`).join()}]`);
    expect(other - same).toBeGreaterThan(10_000);
  });

  test.for([
    ["lists", "[", "]"],
    ["objects", '{"a":', "}"],
  ] as const)(
    "is infinite for %s that are nested more deeply than any object of an API server",
    ([, open, close]) => {
      const nested = (levels: number): number => of(`${open.repeat(levels)}0${close.repeat(levels)}`);
      expect(nested(1000)).toBeLessThan(1_000_000);
      expect(nested(1001)).toBe(Infinity);
      expect(of(`[${`${open.repeat(999)}0${close.repeat(999)},`.repeat(3)}0]`)).toBeLessThan(1_000_000);
    },
  );

  test.for(["", '"', '"\\', "]]]]}", "{", "nul", "[1,", '{"a"', "\u0000", "é\ud800"])(
    "is a number for %j, which is no JSON",
    (text) => expect(of(text)).toBeGreaterThanOrEqual(0),
  );

  test("of the largest review that an API server sends leaves room for others", () => {
    const review = Buffer.from(reviewText(LARGE_POD, { oldObject: JSON.parse(LARGE_POD) as unknown }));
    expect(LARGE_POD.length).toBeGreaterThan(3 * 1024 * 1024);
    expect(review.length).toBeLessThan(bodyLimits().maxBytes);
    expect(weigh(review)).toBeLessThan(0.9 * bodyLimits().heavy);
  });
});
