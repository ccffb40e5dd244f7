import { expect, test } from "vitest";
import { paintFor } from "../../../../injector/cli/print/paint.ts";

const RED = "\u001b[31mno\u001b[39m";

test.for([
  ["a terminal", true, {}, RED],
  ["a file or a pipe", false, {}, "no"],
  ["a terminal with NO_COLOR", true, { NO_COLOR: "1" }, "no"],
  ["a terminal with an empty NO_COLOR", true, { NO_COLOR: "" }, RED],
  ["a pipe with FORCE_COLOR", false, { FORCE_COLOR: "1" }, RED],
  ["a pipe with an empty FORCE_COLOR", false, { FORCE_COLOR: "" }, RED],
  ["a terminal with FORCE_COLOR=0", true, { FORCE_COLOR: "0" }, "no"],
  ["a terminal with both", true, { FORCE_COLOR: "1", NO_COLOR: "1" }, "no"],
  ["a terminal that knows no colours", true, { TERM: "dumb" }, "no"],
  ["a terminal with Node's own variable against colours", true, { NODE_DISABLE_COLORS: "1" }, "no"],
] as const)("%s", ([, isTTY, env, text]) => {
  expect(paintFor({ isTTY }, env)("red", "no")).toBe(text);
});
