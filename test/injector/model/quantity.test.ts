import { expect, test } from "vitest";
import { quantityOf } from "../../../injector/model/quantity.ts";

test.for([
  ["1", 1],
  ["100m", 0.1],
  [".5", 0.5],
  ["64Mi", 67_108_864],
  ["64M", 64_000_000],
  ["1e3", 1000],
  ["1E", 1e18],
  ["-1", -1],
  ["", NaN],
  ["1 Mi", NaN],
  ["0x10", NaN],
  ["1mi", NaN],
  ["constructor", NaN],
] as const)("the quantity %j is %d", ([text, expected]) => {
  expect(quantityOf(text)).toBe(expected);
});
