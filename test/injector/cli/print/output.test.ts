import { expect, test } from "vitest";
import { outputOf, REDO } from "../../../../injector/cli/print/output.ts";

/** What reaches a stream of this kind. */
function written(
  text: (paint: ReturnType<typeof outputOf>["paint"]) => string,
  isTTY: boolean,
  isForPeople: boolean,
): string {
  const pieces: string[] = [];
  const output = outputOf({ write: (piece) => pieces.push(piece), isTTY, columns: 80 }, {}, isForPeople);
  output.write(text(output.paint));
  return pieces.join("");
}

const HOSTILE = "g\u001B[2J\u001B]0;title\u0007\r\u001B[2K\u001B[8m\u009B31m\u007F\u2028\u202Eb";
const HARMLESS = "g [2J ]0;title   [2K [8m 31m   b";

test.for([
  [true, true],
  [true, false],
  [false, true],
] as const)(
  "on a terminal, and on standard error anywhere, no text writes over what is there: %j",
  ([isTTY, isForPeople]) => {
    expect(written(() => HOSTILE, isTTY, isForPeople)).toBe(HARMLESS);
  },
);

test("into a file or a pipe, standard output writes what it is given", () => {
  expect(written(() => HOSTILE, false, false)).toBe(HOSTILE);
});

test("podrole's own colours, line breaks and tabs stay, and its way back at the beginning", () => {
  const own = written((paint) => `${REDO}${paint("bold", "a")}\t${paint("red", "b")}\r\n\n`, true, false);
  expect(own).toBe(`${REDO}\u001B[1ma\u001B[22m\t\u001B[31mb\u001B[39m\r\n\n`);
  expect(written(() => `a${REDO}b`, true, false)).toBe("a  [2Kb");
});
