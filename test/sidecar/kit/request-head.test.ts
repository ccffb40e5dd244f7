import { createServer, METHODS } from "node:http";
import { duplexPair } from "node:stream";
import { setImmediate as nextLoop } from "node:timers/promises";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { WireRequest } from "../../../sidecar/kit/http-message.ts";
import { headReader } from "../../../sidecar/kit/request-head.ts";

const read = (...pieces: readonly string[]): unknown => {
  const take = headReader();
  let result: unknown;
  for (const piece of pieces) result ??= take(Buffer.from(piece, "latin1"));
  return result;
};

const LINE = "GET /v1/credentials HTTP/1.1\r\n";
const HEAD = `${LINE}Host: localhost\r\nAuthorization:\t a b \t\r\nX: 1\r\nx:2\r\nEmpty:\r\n\r\n`;
const REQUEST = {
  method: "GET",
  path: "/v1/credentials",
  headers: { host: "localhost", authorization: "a b", x: ["1", "2"], empty: "" },
};

test("a head is read, with what follows it left alone", () => {
  expect(read(HEAD)).toEqual(REQUEST);
  expect(read(`${HEAD}GET /other HTTP/1.1\r\n\r\n`)).toEqual(REQUEST);
});

test("a head is read wherever it was cut into pieces", () => {
  for (let at = 1; at < HEAD.length; at += 1) {
    expect(read(HEAD.slice(0, at)), `the first ${at} bytes`).toBeUndefined();
    expect(read(HEAD.slice(0, at), HEAD.slice(at)), `cut at ${at}`).toEqual(REQUEST);
  }
  expect(read(...HEAD.split(""))).toEqual(REQUEST);
});

const fields = (count: number, field = "a:\r\n"): string => `${LINE}Host: x\r\n${field.repeat(count)}\r\n`;

test.each([
  ["bytes that are no HTTP", "\u0016\u0003\u0001", 400],
  ["a line that is no request", "GET /\r\n\r\n", 400],
  ["another version", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 400],
  ["a method in lower case", "get / HTTP/1.1\r\nHost: x\r\n\r\n", 400],
  ["two blanks", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400],
  ["a control character in the target", "GET /\u0001 HTTP/1.1\r\nHost: x\r\n\r\n", 400],
  ["no host", `${LINE}\r\n`, 400],
  ["a line that ends with LF alone", `${LINE}Host: x\nX: y\r\n\r\n`, 400],
  ["a CR in a value", `${LINE}Host: x\r\nX: y\rz\r\n\r\n`, 400],
  ["a NUL in a value", `${LINE}Host: x\r\nX: \0\r\n\r\n`, 400],
  ["a value that goes on in another line", `${LINE}Host: x\r\nX: y\r\n z\r\n\r\n`, 400],
  ["a blank before the colon", `${LINE}Host : x\r\n\r\n`, 400],
  ["a header without a colon", `${LINE}Host: x\r\nX\r\n\r\n`, 400],
  ["a header without a name", `${LINE}Host: x\r\n: y\r\n\r\n`, 400],
  [
    "two lengths of one body",
    `${LINE}Host: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
    400,
  ],
  ["101 headers", fields(100), 431],
  ["8 KiB of one-letter headers", fields(2000), 431],
  ["more than 8 KiB", fields(1, `X: ${"x".repeat(8200)}\r\n`), 431],
  ["more than 8 KiB that do not end", `${LINE}${"x".repeat(8200)}`, 431],
] as const)("a head is refused with %s", (_, bytes, status) => {
  expect(read(bytes)).toBe(status);
});

test("a head of 100 headers and nearly 8 KiB is read", () => {
  expect(read(fields(99))).toMatchObject({ method: "GET" });
  expect(read(fields(1, `X: ${"x".repeat(8000)}\r\n`))).toMatchObject({ method: "GET" });
});

test("a head without a host is read in HTTP/1.0, where a client need not name it", () => {
  expect(read("GET / HTTP/1.0\r\n\r\n")).toEqual({ method: "GET", path: "/", headers: {} });
});

/** What Node's own server makes of the bytes, with its strictest settings. */
async function byNode(bytes: string): Promise<WireRequest | undefined> {
  let found: WireRequest | undefined;
  const server = createServer({ maxHeaderSize: 16 * 1024 }, ({ method = "", url = "", headersDistinct }) => {
    const headers = Object.entries(headersDistinct).map(
      ([name, values = []]): [string, string | string[]] => [
        name,
        values.length === 1 ? (values[0] as string) : values,
      ],
    );
    found ??= { method, path: url, headers: Object.fromEntries(headers) };
  });
  for (const expecting of ["checkContinue", "checkExpectation"]) {
    server.on(expecting, (request, response) => server.emit("request", request, response));
  }
  const [ours, nodes] = duplexPair();
  ours.on("error", () => undefined).resume();
  server.emit("connection", nodes);
  ours.write(Buffer.from(bytes, "latin1"));
  for (let loop = 0; loop < 3; loop += 1) await nextLoop();
  ours.destroy();
  nodes.destroy();
  return found;
}

const latin1 = (from: number, to: number) =>
  fc.integer({ min: from, max: to }).map((code) => String.fromCharCode(code));
const anything = fc.string({ unit: latin1(0, 255), maxLength: 12 });
/** Mostly the first. */
const mostly = (
  usual: fc.Arbitrary<string> | string,
  ...others: readonly (fc.Arbitrary<string> | string)[]
) =>
  fc.oneof(
    ...[usual, ...others].map((one, index) => ({
      arbitrary: typeof one === "string" ? fc.constant(one) : one,
      weight: index === 0 ? 40 : 1,
    })),
  );
const token = fc.string({
  unit: fc.constantFrom(..."!#$%&'*+-.^_`|~09azAZ".split("")),
  minLength: 1,
  maxLength: 8,
});
const known = fc.constantFrom(
  "Host",
  "host",
  "Authorization",
  "Expect",
  "Upgrade",
  "Connection",
  "__proto__",
);
const field = fc
  .tuple(
    mostly(fc.oneof(token, known), anything),
    mostly(fc.constantFrom(":", ": ", ":\t "), " :", ""),
    mostly(fc.string({ unit: latin1(0x20, 0xff), maxLength: 20 }), "100-continue", anything),
    mostly(fc.constantFrom("\r\n", " \t\r\n"), "\n", "\r", "\r\n "),
  )
  .map((parts) => parts.join(""));
const head = fc
  .tuple(
    fc.constantFrom(...METHODS.filter((method) => method !== "CONNECT")),
    mostly(" ", "  ", "\t"),
    mostly(fc.string({ unit: latin1(0x21, 0x7e), maxLength: 20 }), anything).map((path) => `/${path}`),
    mostly(fc.constantFrom(" HTTP/1.1\r\n", " HTTP/1.0\r\n"), " HTTP/2.0\r\n", "\r\n", " HTTP/1.1\n"),
    mostly("Host: localhost\r\n", ""),
    fc.array(field, { maxLength: 6 }),
  )
  .map(([method, blank, path, version, host, others]) =>
    [method, blank, path, version, host, ...others, "\r\n"].join(""),
  );

test("whatever head is read, Node's own server reads in the same way", async () => {
  let [accepted, refused] = [0, 0];
  await fc.assert(
    fc.asyncProperty(head, async (bytes) => {
      const own = read(bytes);
      if (typeof own !== "object") return void (refused += 1);
      accepted += 1;
      expect(own).toEqual(await byNode(bytes));
      return undefined;
    }),
    { numRuns: 3000 },
  );
  expect({ accepted: accepted > 500, refused: refused > 500 }).toEqual({ accepted: true, refused: true });
});
