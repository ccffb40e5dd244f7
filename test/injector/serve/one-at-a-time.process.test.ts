import { once } from "node:events";
import type { RequestListener } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { LIMITS, listener, type Limits } from "../../../injector/http/listener.ts";
import { until } from "../../support/until.ts";
import { hungUp } from "./listener-rig.ts";

/** A listener without TLS, and one connection to it. */
async function connected(
  handle: RequestListener,
  limits: Partial<Limits> = {},
): Promise<{ readonly socket: Socket; readonly seen: readonly string[]; readonly closed: Promise<unknown> }> {
  const seen: string[] = [];
  const server = listener(
    (request, response) => {
      seen.push(`${request.method} ${request.url}`);
      handle(request, response);
    },
    undefined,
    { ...LIMITS, checkMs: 20, ...limits },
  );
  onTestFinished(() => void server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const closed = once(server, "connection").then(([one]: Socket[]) => once(one as Socket, "close"));
  const socket = connect({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
  onTestFinished(() => void socket.destroy());
  socket.setNoDelay(true);
  return { socket, seen, closed };
}

const echo: RequestListener = (request, response) => {
  void text(request).then((body) => response.end(`<${body}>`));
};
const never: RequestListener = () => undefined;

const post = (path: string, body: string, more = ""): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
const LAST = "Connection: close\r\n";

describe("a request", () => {
  test("is read wherever it is cut into pieces", async () => {
    const request = post("/", "the body", LAST);
    for (let at = 1; at < request.length; at += 1) {
      const { socket } = await connected(echo);
      socket.write(request.slice(0, at));
      await new Promise((resolve) => void setTimeout(resolve, 1));
      socket.write(request.slice(at));
      expect(await hungUp(socket), `cut at ${at}`).toMatch(/^HTTP\/1.1 200 [^]*<the body>/);
    }
  });

  test("of any length is read, and its answer sent, whole", async () => {
    const { socket } = await connected(echo);
    const body = "0123456789".repeat(500_000);
    socket.write(post("/", body, LAST));
    expect((await hungUp(socket)).includes(`<${body}>`)).toBe(true);
  });

  test("without a stated length is refused, and says what to do", async () => {
    const { socket, seen } = await connected(echo);
    socket.write("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    expect(await hungUp(socket)).toMatch(/^HTTP\/1.1 411 [^]*Connection: close[^]*LENGTH_REQUIRED/i);
    expect(seen).toEqual([]);
  });

  test("for a tunnel ends the connection, and one for another protocol is answered as any other", async () => {
    const tunnel = await connected(echo);
    tunnel.socket.write("CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(await hungUp(tunnel.socket)).toBe("");
    expect(tunnel.seen).toEqual([]);
    const upgrade = await connected(echo);
    upgrade.socket.write(post("/", "", "Connection: close, Upgrade\r\nUpgrade: websocket\r\n"));
    expect(await hungUp(upgrade.socket)).toMatch(/^HTTP\/1.1 200 /);
  });

  test("that is no HTTP gets a 400", async () => {
    const { socket } = await connected(echo);
    socket.write("hello\r\n\r\n");
    expect(await hungUp(socket)).toMatch(/^HTTP\/1.1 400 /);
  });
});

describe("another request on the same connection", () => {
  test("is answered after the first, also while Node does not know that its answer was sent", async () => {
    const { socket, seen } = await connected(echo);
    for (let turn = 0; turn < 50; turn += 1) {
      socket.write(post(`/${turn}`, `body ${turn}`));
      const [answered]: unknown[] = await once(socket, "data");
      expect(String(answered)).toContain(`<body ${turn}>`);
    }
    expect(seen).toHaveLength(50);
  });

  test.each([
    ["in the same packet", (first: string) => [`${first}${post("/second", "")}`.repeat(500)]],
    ["in the next packet", (first: string) => [first, post("/second", "")]],
    [
      "in the packet that ends the first one's body",
      (first: string) => [first.slice(0, -1), `${first.slice(-1)}x`],
    ],
  ] as const)("is not parsed before the first was answered: %s", async (_, packets) => {
    const { socket, seen } = await connected(never);
    for (const packet of packets(post("/first", "body"))) {
      socket.write(packet);
      await new Promise((resolve) => void setTimeout(resolve, 20));
    }
    expect(await hungUp(socket)).toBe("");
    expect(seen).toEqual(["POST /first"]);
  });

  test("is not parsed while the client does not take its answer", async () => {
    const answer = Buffer.alloc(16 * 1024 * 1024, "x");
    const { socket, seen, closed } = await connected((_, response) => response.end(answer), { takeMs: 500 });
    socket.pause().write(post("/first", ""));
    await new Promise((resolve) => void setTimeout(resolve, 50));
    socket.write(post("/second", "").repeat(500));
    await closed;
    expect(seen).toEqual(["POST /first"]);
  });

  test("comes in time, or the connection is closed", async () => {
    const { socket } = await connected(echo, { keepAliveMs: 100 });
    socket.write(post("/", "first"));
    expect(await hungUp(socket)).toContain("<first>");
  });
});

test("requests of an address with hundreds of them begin between those of others", async () => {
  const order: string[] = [];
  const server = listener(
    (request, response) => {
      order.push(request.socket.remoteAddress ?? "");
      response.end();
    },
    undefined,
    LIMITS,
  );
  onTestFinished(() => server.close().closeAllConnections());
  await once(server.listen(0, "127.0.0.1"), "listening");
  let accepted = 0;
  server.on("connection", () => (accepted += 1));
  const { port } = server.address() as AddressInfo;
  const from = async (localAddress: string): Promise<Socket> => {
    const socket = connect({ port, host: "127.0.0.1", localAddress });
    onTestFinished(() => void socket.destroy());
    await once(
      socket.on("error", () => undefined),
      "connect",
    );
    return socket;
  };
  const many = await Promise.all(Array.from({ length: 300 }, () => from("127.0.0.2")));
  const one = await from("127.0.0.3");
  await until("all connections", () => accepted === 301 || undefined);
  // All of them are there before the server looks.
  for (const socket of [...many, one]) socket.resume().write(post("/", "", LAST));
  await Promise.all([...many, one].map((socket) => once(socket, "close")));
  expect(order).toHaveLength(301);
  expect(order.indexOf("127.0.0.3")).toBeLessThan(100);
});
