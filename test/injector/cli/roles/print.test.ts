import { array, assert, property, string } from "fast-check";
import { expect, test } from "vitest";
import { csvText, tableText } from "../../../../injector/cli/roles/print/cell.ts";
import { choosesRole } from "../../../../injector/cli/roles/report.ts";
import { ACCOUNT, role } from "../../../support/facts.ts";

const csv = (...cells: readonly string[]): string =>
  csvText({ headings: ["A"], rows: [cells] }).split("\r\n")[1] ?? "";

test.for(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u00a0=1", "\uff1dcmd", "|calc", "%0A"])(
  "no cell of the CSV is a formula to a spreadsheet: %j",
  (text) => {
    expect(csv(text)).toMatch(/^"'/);
  },
);

test("cells of the CSV are quoted, with quotes doubled and without control characters", () => {
  expect(csv('a "b", c', "x\ny", "")).toBe('"a ""b"", c","x y",""');
});

test("a reader of RFC 4180 reads as many lines and cells as were written, whatever they hold", () => {
  assert(
    property(array(array(string(), { minLength: 2, maxLength: 2 }), { maxLength: 5 }), (rows) => {
      const text = csvText({ headings: ["A", "B"], rows });
      const line = /(?:"(?:[^"]|"")*",?)+\r\n/g;
      expect(text.match(line)?.join("")).toBe(text);
      expect(text.match(line)).toHaveLength(rows.length + 1);
    }),
  );
});

test("columns are as wide as the widest cell, an empty one is a dash, and no cell writes a line of its own", () => {
  const text = tableText({
    headings: ["POD", "ROLE"],
    rows: [
      ["web", ""],
      ["a\u001b[31m\nb\u202e", "till"],
    ],
  });
  expect(text).toBe("POD         ROLE\nweb         -\na [31m b    till\n");
});

test.for([
  ["billing", true],
  ["teams/billing", true],
  ["bill*", true],
  [`${ACCOUNT}teams/billing`, true],
  ["arn:aws:iam::*:role/teams/*", true],
  ["bill", false],
  ["teams", false],
])("--role %s chooses teams/billing: %s", ([text, chosen]) => {
  expect(choosesRole([String(text)], role(`${ACCOUNT}teams/billing`))).toBe(chosen);
});
