import { array, assert, constantFrom, property } from "fast-check";
import { expect, test } from "vitest";
import { statusLineReader } from "../../../sidecar/proof/status-line.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
const inOne = (text: string) => statusLineReader()(bytes(text));
const oneByOne = (text: string) => {
  const read = statusLineReader();
  let line = read(bytes(""));
  for (const one of text) if (line.kind === "part") line = read(bytes(one));
  return line;
};

const whole = (status: number) => ({ kind: "whole", status }) as const;
const part = (status?: number) => (status === undefined ? { kind: "part" } : { kind: "part", status });
const foreign = { kind: "foreign" } as const;

test.each([
  ["HTTP/1.1 401 Unauthorized\r\n", whole(401)],
  ["HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nname", whole(200)],
  ["HTTP/1.1 401\r\n", whole(401)],
  ["HTTP/1.1 401 \r\n", whole(401)],
  ["HTTP/1.1 401 Unauthorized\n", whole(401)],
  ["HTTP/1.1 404 nicht gefunden, M\u00fcller\r\n", whole(404)],
  ["H", part()],
  ["HTTP/1.1 40", part()],
  ["HTTP/1.1 401", part(401)],
  ["HTTP/1.1 401 Unauthorized", part(401)],
  ["HTTP/1.1 401 Unauthorized\r", part(401)],
  ["\r\nHTTP/1.1 401 Unauthorized\r\n", foreign],
  ["HTTP/2.0 401 Unauthorized\r\n", foreign],
  ["HTTP/1.2 401 Unauthorized\r\n", foreign],
  ["http/1.1 401 Unauthorized\r\n", foreign],
  ["HTTP/1.1  401 Unauthorized\r\n", foreign],
  ["HTTP/1.1 4011\r\n", foreign],
  ["HTTP/1.1 4O1 Unauthorized\r\n", foreign],
  ["HTTP/1.1 401 Un\0authorized\r\n", foreign],
  ["HTTP/1.1 401 Unauthorized\rHTTP/1.1 200 OK\r\n", foreign],
  ["HTTP/1.1 401\r\r\n", foreign],
  ["HTTP/1.1 40\n", foreign],
  ["<html>", foreign],
])("reads %j alike at once and byte after byte", (text, expected) => {
  expect(oneByOne(text)).toEqual(expected);
  expect(inOne(text)).toEqual(expected);
});

test("a status line without an end is not HTTP", () => {
  expect(inOne(`HTTP/1.1 401 ${"a".repeat(1011)}`)).toEqual(part(401));
  expect(inOne(`HTTP/1.1 401 ${"a".repeat(1012)}`)).toEqual(foreign);
  expect(oneByOne(`HTTP/1.1 401 ${"a".repeat(2000)}`)).toEqual(foreign);
});

const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})(?: [\t -~\x80-\xFF]*)?\r?\n/;
const piece = constantFrom(
  "HTTP/1.1 401",
  "HTTP/1.",
  "0 ",
  "1",
  " ",
  "401",
  "\r",
  "\n",
  "\t",
  "a",
  "\x80",
  "\0",
  "\x7F",
);

test("a status line is whole exactly when it has the form of one, however its bytes come", () => {
  let wholes = 0;
  const holds = property(array(piece, { maxLength: 6 }), (pieces) => {
    const text = pieces.join("");
    const status = STATUS_LINE.exec(text)?.[1];
    const line = inOne(text);
    expect(oneByOne(text)).toEqual(line);
    expect(line.kind === "whole" ? String(line.status) : undefined).toBe(status);
    wholes += status === undefined ? 0 : 1;
  });
  assert(holds, { numRuns: 20_000 });
  expect(wholes).toBeGreaterThan(50);
});
