import { createServer as createTcp, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import type { PostError } from "../../../sidecar/kit/post-error.ts";
import { post } from "../../../sidecar/kit/post.ts";
import { freePort } from "../../support/free-port.ts";
import { listening } from "../../support/listening.ts";
import { ask, http, raw } from "../../support/post-rig.ts";

const end = (socket: Socket): void => void socket.end();

describe("an answer comes through when", () => {
  test.each([
    ["it has a length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", end],
    [
      "it is in chunks",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
      end,
    ],
    ["the connection then stays open", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", () => {}],
    ["its end is the connection's", "HTTP/1.1 200 OK\r\n\r\nabc", end],
    ["it is of HTTP 1.0", "HTTP/1.0 200 OK\r\n\r\nabc", end],
    [
      "other answers announce it",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
      end,
    ],
    [
      "it says that it has no encoding",
      "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc",
      end,
    ],
    [
      "more follows that nobody asked for",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n\r\n",
      end,
    ],
  ])("%s", async (_, bytes, then) => {
    const answer = await ask(await raw(bytes, then));
    expect(answer).toEqual({ status: 200, body: Buffer.from("abc") });
  });

  test("the endpoint is an IPv6 address", async () => {
    const origin = await http((__, response) => void response.end("abc"), "::1");
    expect(await ask(origin)).toMatchObject({ status: 200 });
  });

  test("it is as long as an answer may be", async () => {
    const origin = await http((__, response) => void response.end("x".repeat(64 * 1024)));
    expect(await ask(origin)).toMatchObject({ status: 200 });
  });

  test.each([302, 307, 308])("it is a %i, which is not followed", async (status) => {
    let calls = 0;
    const origin = await http((request, response) => {
      calls += 1;
      response.writeHead(status, { Location: `http://${request.headers.host}/elsewhere` }).end("abc");
    });
    expect(await ask(origin)).toMatchObject({ status });
    expect(calls).toBe(1);
  });
});

describe("it is not STS that answers when", () => {
  test.each([
    ["the body is cut off", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", end, 200],
    ["a chunk is cut off", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", end, 200],
    [
      "the last chunk is missing",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
      end,
      200,
    ],
    [
      "the connection is reset in the body",
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
      (socket: Socket) => void setImmediate(() => socket.resetAndDestroy()),
      200,
    ],
    ["a chunk has no number", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", end, 200],
    ["it is no HTTP", "SSH-2.0-OpenSSH_9.6\r\n", end, undefined],
    ["a header is without end", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(100_000)}`, end, undefined],
    [
      "the length is told in two ways",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      end,
      undefined,
    ],
    [
      "the length is told twice",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
      end,
      undefined,
    ],
  ])("%s", async (_, bytes, then, status) => {
    expect(await ask(await raw(bytes, then))).toEqual({ kind: "invalid-answer", status });
  });

  test("it is longer than an answer may be, by its header or in truth", async () => {
    const long = await http((__, response) => void response.end("x".repeat(64 * 1024 + 1)));
    expect(await ask(long)).toEqual({ kind: "invalid-answer", status: 200 });
    const endless = await http((__, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write("x".repeat(65_536)));
      };
      response.on("drain", more);
      more();
    });
    expect(await ask(endless)).toEqual({ kind: "invalid-answer", status: 200 });
  });

  test.each(["gzip", "br", "deflate, gzip", "x"])("it is encoded with %s", async (encoding) => {
    const body = encoding === "gzip" ? gzipSync("abc") : "abc";
    const origin = await http(
      (__, response) => void response.setHeader("Content-Encoding", encoding).end(body),
    );
    expect(await ask(origin)).toEqual({ kind: "invalid-answer", status: 200 });
  });
});

describe("a call is late when", () => {
  test.each([
    ["nothing is answered", ""],
    ["the headers do not end", "HTTP/1.1 200 OK\r\nX: "],
    ["the body does not end", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"],
    ["the chunks do not end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"],
    ["only other answers announce it", "HTTP/1.1 103 Early Hints\r\n\r\n"],
  ])("%s", async (_, bytes) => {
    expect(await ask(await raw(bytes), { timeoutMs: 100 })).toEqual({
      kind: "late",
      afterMs: 100,
      at: "origin",
    });
  });

  test("the body comes a byte at a time, although each comes soon", async () => {
    const origin = await raw("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", (socket) => {
      const timer = setInterval(() => void socket.write("x"), 10);
      socket.once("close", () => clearInterval(timer));
      onTestFinished(() => clearInterval(timer));
    });
    // Not by ask(): the server's own timer is not the client's.
    const outcome = post(
      { url: origin, headers: {}, body: "", timeoutMs: 100, connectMs: 100 },
      () => {},
    ).catch((error: unknown) => (error as PostError).failure);
    expect(await outcome).toEqual({ kind: "late", afterMs: 100, at: "origin" });
  });

  test("the other end speaks no TLS", async () => {
    const server = createTcp((socket) => {
      onTestFinished(() => void socket.destroy());
    });
    onTestFinished(() => void server.close());
    const origin = `https://127.0.0.1:${await listening(server)}`;
    expect(await ask(origin, { timeoutMs: 100 })).toEqual({ kind: "late", afterMs: 100, at: "origin" });
  });
});

describe("STS is out of reach when", () => {
  test("nobody listens", async () => {
    expect(await ask(`http://127.0.0.1:${await freePort()}`)).toEqual({
      kind: "unreachable",
      why: "ECONNREFUSED",
    });
  });

  test("the connection is closed or reset without an answer", async () => {
    expect(await ask(await raw("", end))).toEqual({ kind: "unreachable", why: "ECONNRESET" });
    const reset = await raw("", (socket) => void socket.resetAndDestroy());
    expect(await ask(reset)).toEqual({ kind: "unreachable", why: "ECONNRESET" });
  });

  test("the other end wants to speak another protocol", async () => {
    const upgrade = await raw(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    );
    expect(await ask(upgrade)).toEqual({ kind: "unreachable", why: "ECONNRESET" });
  });

  test("the other end answers TLS with plain HTTP", async () => {
    const plain = await raw("HTTP/1.1 400 Bad Request\r\n\r\n", end);
    const outcome = await ask(plain.replace("http:", "https:"));
    expect(outcome).toMatchObject({ kind: "unreachable", why: expect.stringMatching(/SSL|EPROTO/) });
  });
});

test.each([
  ["is over", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"],
  ["is late", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"],
  ["is refused for its length", `HTTP/1.1 200 OK\r\n\r\n${"x".repeat(70_000)}`],
  ["is refused for its encoding", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nabc"],
  ["is no HTTP", "SSH-2.0-OpenSSH_9.6\r\n"],
])("the connection is closed by our end when the call %s", async (_, bytes) => {
  const gone = Promise.withResolvers<string>();
  const origin = await raw(bytes, (socket) => {
    socket.once("close", () => gone.resolve("closed"));
  });
  await ask(origin, { timeoutMs: 100 });
  expect(await gone.promise).toBe("closed");
});

test("the time of an answer is reported even if the rest of it does not come through", async () => {
  const dates: number[] = [];
  const onDate = (date: number): void => void dates.push(date);
  const date = "Date: Sat, 28 Nov 2026 22:00:00 GMT";
  await ask(await raw(`HTTP/1.1 503 No\r\n${date}\r\nContent-Length: 9\r\n\r\nabc`, end), { onDate });
  for (const none of ["yesterday", "Sat, 13 Sep 275760 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"]) {
    await ask(await raw(`HTTP/1.1 200 OK\r\nDate: ${none}\r\nContent-Length: 0\r\n\r\n`), { onDate });
  }
  expect(dates).toEqual([Date.UTC(2026, 10, 28, 22)]);
});
