import { createServer as createTcp, type Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  certificateAuthority,
  servingCertificate,
  validFor,
  type KeyPair,
} from "../../../injector/tls/certificates.ts";
import { PostError, type PostFailure } from "../../../sidecar/kit/post-error.ts";
import { tlsPost } from "../../../sidecar/kit/tls-post.ts";
import { freePort } from "../../support/free-port.ts";
import { listening } from "../../support/listening.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";

let authority: KeyPair;
beforeAll(async () => {
  authority = await certificateAuthority("podrole", validFor(1, Date.now()));
});

/** A server that writes these bytes when it is asked, and does no more; or what `then` says. */
async function raw(
  bytes: string,
  then: (socket: TLSSocket, request: string) => void = () => {},
): Promise<string> {
  const certificate = await servingCertificate(
    authority,
    ["127.0.0.1", "localhost"],
    validFor(1, Date.now()),
  );
  const server = createServer(certificate, (socket) => {
    socket.on("error", () => {});
    socket.once("data", (request) => {
      socket.write(bytes);
      then(socket, request.toString("latin1"));
    });
    onTestFinished(() => void socket.destroy());
  });
  onTestFinished(() => void server.close());
  return `https://127.0.0.1:${await listening(server)}/v1/session`;
}

const timers = (): number => process.getActiveResourcesInfo().filter((one) => one === "Timeout").length;

/** The answer's status and body, or why there is none; the process then has no timer more than before. */
async function ask(url: string, timeoutMs = 5000, onDate: (date: number) => void = () => {}) {
  const before = timers();
  const asked = { url, headers: { authorization: "Bearer a.b.c" }, body: "{}", ca: authority.cert };
  const outcome = await tlsPost({ ...asked, timeoutMs, connectMs: timeoutMs }, onDate).then(
    ({ status, body }) => ({ status, body: body.toString() }),
    (error: unknown): PostFailure => {
      if (error instanceof PostError) return (error as PostError).failure;
      throw error;
    },
  );
  // The test runner may have had one more.
  expect(timers()).toBeLessThanOrEqual(before);
  return outcome;
}

test("a request is written with its host and length, and says that it is the connection's last", async () => {
  const asked: string[] = [];
  const url = await raw(OK, (_, request) => asked.push(request));
  expect(await ask(url)).toEqual({ status: 200, body: "abc" });
  expect(asked.join("").split("\r\n")).toEqual([
    "POST /v1/session HTTP/1.1",
    `host: ${new URL(url).host}`,
    "connection: close",
    "content-length: 2",
    "authorization: Bearer a.b.c",
    "",
    "{}",
  ]);
});

test.each([
  ["by its name", "localhost"],
  ["at its address", "127.0.0.1"],
])("a server is found %s", async (_, host) => {
  const url = await raw(OK);
  expect(await ask(url.replace("127.0.0.1", host))).toMatchObject({ status: 200 });
});

test("the connection is closed by our end once the answer is whole, although the other keeps it open", async () => {
  const gone = Promise.withResolvers<string>();
  const url = await raw(OK, (socket) => void socket.once("close", () => gone.resolve("closed")));
  expect(await ask(url)).toMatchObject({ status: 200 });
  expect(await gone.promise).toBe("closed");
});

test("the time of an answer is reported if it can be believed", async () => {
  const dates: number[] = [];
  for (const date of ["Sat, 28 Nov 2026 22:00:00 GMT", "yesterday", "Sat, 13 Sep 275760 00:00:00 GMT"]) {
    const url = await raw(`HTTP/1.1 503 No\r\nDate: ${date}\r\nContent-Length: 0\r\n\r\n`);
    await ask(url, 5000, (seen) => dates.push(seen));
  }
  expect(dates).toEqual([Date.UTC(2026, 10, 28, 22)]);
});

describe("the answer is none when", () => {
  const end = (socket: Socket): void => void socket.end();
  test.each([
    ["it is no HTTP", "SSH-2.0-OpenSSH_9.6\r\n", undefined],
    ["it is cut off in its head", "HTTP/1.1 200 OK\r\nContent-Le", undefined],
    ["it is cut off in its body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 200],
    ["it comes in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200],
  ])("%s", async (_, bytes, status) => {
    expect(await ask(await raw(bytes, end))).toEqual({ kind: "invalid-answer", status });
  });
});

describe("a call is late when", () => {
  test.each([
    ["nothing is answered", ""],
    ["the head does not end", "HTTP/1.1 200 OK\r\nX: "],
    ["the body does not end", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"],
  ])("%s", async (_, bytes) => {
    expect(await ask(await raw(bytes), 200)).toEqual({ kind: "late", afterMs: 200, at: "origin" });
  });

  test("the other end begins no TLS", async () => {
    const server = createTcp((socket) => {
      onTestFinished(() => void socket.destroy());
    });
    onTestFinished(() => void server.close());
    const url = `https://127.0.0.1:${await listening(server)}/`;
    expect(await ask(url, 100)).toEqual({ kind: "late", afterMs: 100, at: "origin" });
  });
});

describe("the server is out of reach when", () => {
  test("nobody listens", async () => {
    expect(await ask(`https://127.0.0.1:${await freePort()}/`)).toEqual({
      kind: "unreachable",
      why: "ECONNREFUSED",
    });
  });

  test.each([
    ["closed", (socket: TLSSocket) => void socket.end()],
    ["destroyed", (socket: TLSSocket) => void socket.destroy()],
  ])("the connection is %s without an answer", async (_, then) => {
    expect(await ask(await raw("", then))).toEqual({ kind: "unreachable", why: "ECONNRESET" });
  });
});
