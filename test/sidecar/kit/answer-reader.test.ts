import { array, assert, integer, property, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { answerReader, type AnswerRead } from "../../../sidecar/kit/answer-reader.ts";
import { answerText, wireAnswer } from "../../../sidecar/kit/http-message.ts";

const BODY = '{"code":"ROLE_NOT_ALLOWED","message":"für niemanden"}';
const ANSWER = answerText("POST", wireAnswer(403, "application/json", BODY, { "Retry-After": "5" }));

/** What the reader says last of these pieces, one after the other. */
function read(...pieces: readonly (string | Uint8Array)[]): AnswerRead | undefined {
  const next = answerReader();
  let said: AnswerRead | undefined;
  for (const piece of pieces) {
    said = next(Buffer.from(piece));
    if (said.kind !== "part") break;
  }
  return said;
}
const invalid = (status?: number) => ({ kind: "invalid", status });

test("an answer as programs of podrole write it is read", () => {
  expect(read(ANSWER)).toMatchObject({
    kind: "whole",
    status: 403,
    headers: { "content-type": "application/json", "retry-after": "5" },
    body: Buffer.from(BODY),
  });
});

test("an answer is read alike however it is cut into pieces, and what follows it is not looked at", () => {
  const bytes = Buffer.from(`${ANSWER}HTTP/1.1 200 OK\r\n\r\n`);
  assert(
    property(array(integer({ min: 1, max: bytes.length }), { maxLength: 40 }), (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      const pieces = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
      expect(read(...pieces)).toMatchObject({ kind: "whole", status: 403, body: Buffer.from(BODY) });
    }),
  );
});

test("whatever comes, there is an answer, a part of one, or none", () => {
  assert(property(array(uint8Array()), (pieces) => read(...pieces)?.kind !== "whole"));
});

test("a body of 64 KiB is read, and an empty one", () => {
  const text = "x".repeat(64 * 1024);
  expect(read(`HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n${text}`)).toMatchObject({ kind: "whole" });
  expect(read("HTTP/1.1 204 \r\nContent-Length: 0\r\n\r\n")).toMatchObject({ kind: "whole", status: 204 });
});

test.each(["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"])(
  "%j is a part, of which the status is known",
  (text) => {
    expect(read(text)).toEqual({ kind: "part", status: 200 });
  },
);

test.each(["", "H", "HTTP/1.1 ", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"])("%j is a part", (text) => {
  expect(read(text)).toEqual({ kind: "part", status: undefined });
});

describe("bytes are no answer when", () => {
  test.each([
    ["they are of another protocol", "SSH-2.0-OpenSSH_9.6\r\n"],
    ["they are of HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"],
    ["they are of HTTP/2", "HTTP/2 200\r\ncontent-length: 0\r\n\r\n"],
    ["the status is none", "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n"],
    ["they announce an answer", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
    ["a header has no name", "HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 0\r\n\r\n"],
    ["a header is folded", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"],
    ["a line ends without a carriage return", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"],
    ["the head does not end", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(8192)}`],
    [
      "the head is longer than 8 KiB",
      `HTTP/1.1 200 OK\r\nX: ${"x".repeat(8192)}\r\nContent-Length: 0\r\n\r\n`,
    ],
  ])("%s", (_, text) => {
    expect(read(text)).toEqual(invalid());
  });

  test.each([
    ["no length", ""],
    ["a length that is none", "Content-Length: x\r\n"],
    ["a length with a sign", "Content-Length: +3\r\n"],
    ["two lengths", "Content-Length: 3\r\nContent-Length: 3\r\n"],
    ["a longer body than 64 KiB", "Content-Length: 65537\r\n"],
    ["chunks", "Transfer-Encoding: chunked\r\n"],
    ["chunks and a length", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"],
    ["an encoding", "Content-Length: 3\r\nContent-Encoding: gzip\r\n"],
  ])("the head says %s", (_, headers) => {
    expect(read(`HTTP/1.1 502 No\r\n${headers}\r\nabc`)).toEqual(invalid(502));
  });
});
