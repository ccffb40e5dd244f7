import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect as connectTcp, type AddressInfo, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { listener, LIMITS } from "../../../injector/http/listener.ts";
import { ca, fresh, agentFor, serialOf, listening, review, raw, hungUp, REVIEW } from "./listener-rig.ts";

describe("a slow client", () => {
  const SHORT = { headersMs: 300, bodyMs: 300, handshakeMs: 300, keepAliveMs: 60_000 };
  const REQUEST = `POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 500\r\n`;

  test("that never begins its handshake is cut off", async () => {
    const { port } = await listening(SHORT);
    const socket = connectTcp({ host: "127.0.0.1", port });
    expect(await hungUp(socket)).toBe("");
  });

  test("that sends nothing after its handshake is cut off", async () => {
    const { port } = await listening(SHORT);
    expect(await hungUp(await raw(port))).toMatch(/^$|^HTTP\/1.1 408/);
  });

  test("that sends its headers a byte at a time gets a 408 and is cut off", async () => {
    const { port } = await listening(SHORT);
    const socket = await raw(port);
    const feed = setInterval(() => socket.write("x"), 20);
    onTestFinished(() => clearInterval(feed));
    socket.write("GET /livez HTTP/1.1\r\nx: ");
    const said = await hungUp(socket);
    expect(said).toMatch(/^HTTP\/1.1 408/);
  });

  test("that sends its body a byte at a time gets a 408 and is cut off", async () => {
    const { port } = await listening(SHORT);
    const socket = await raw(port);
    const feed = setInterval(() => socket.write("x"), 20);
    onTestFinished(() => clearInterval(feed));
    socket.write(`${REQUEST}\r\n`);
    const said = await hungUp(socket);
    expect(said).toMatch(/^HTTP\/1.1 408/);
  });

  test("that is slow in its second request is also cut off", async () => {
    const { port } = await listening(SHORT);
    const socket = await raw(port);
    socket.write("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(socket, "data");
    const feed = setInterval(() => socket.write("x"), 20);
    onTestFinished(() => clearInterval(feed));
    socket.write(REQUEST);
    expect(await hungUp(socket)).toMatch(/^$|^HTTP\/1.1 408/);
  });

  test("may be idle between two requests for longer than headers may take", async () => {
    const first = await fresh();
    const server = await listening(SHORT, first);
    const agent = agentFor([ca]);
    await review(server.port, agent);
    server.use(await fresh());
    await delay(1500);
    // The same connection: a new one would get the other certificate.
    expect((await review(server.port, agent)).serial).toBe(serialOf(first));
  });

  test("may leave a new connection unused, as API servers do", async () => {
    const idleMs = 90_000;
    expect(LIMITS.headersMs).toBeGreaterThan(idleMs);
    expect(LIMITS.keepAliveMs).toBeGreaterThan(idleMs);
    const { port } = await listening({ ...SHORT, headersMs: 60_000 });
    const socket = await raw(port);
    await delay(1500);
    socket.write("GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    expect(await hungUp(socket)).toMatch(/^HTTP\/1.1 200/);
  });

  test("that keeps sending after a refusal is cut off", async () => {
    const { port } = await listening({ ...SHORT, headersMs: 60_000 });
    const socket = await raw(port);
    const feed = setInterval(() => socket.write("x"), 20);
    onTestFinished(() => clearInterval(feed));
    socket.write(
      `POST /elsewhere HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 9000\r\n\r\n`,
    );
    const said = await hungUp(socket);
    expect(said).toMatch(/^HTTP\/1.1 4/);
  });

  test("whose answer is not ready in time is cut off, for its review takes memory as long", async () => {
    const never = { facts: () => new Promise<never>(() => {}) };
    const { port } = await listening({ ...SHORT, answerMs: 200 }, undefined, never);
    const socket = await raw(port);
    socket.write(`${REQUEST.replace("500", String(REVIEW.length))}\r\n${REVIEW}`);
    expect(await hungUp(socket)).toBe("");
  });

  test("that does not take its answer is cut off, however long an answer may take", async () => {
    const answer = Buffer.alloc(64 * 1024 * 1024, "x");
    const server = listener(
      (request, response) => request.resume().once("end", () => response.end(answer)),
      undefined,
      { ...LIMITS, answerMs: 600_000, takeMs: 200 },
    );
    onTestFinished(() => void server.close());
    await once(server.listen(0, "127.0.0.1"), "listening");
    const socket = connectTcp({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
    const cut = once(server, "connection").then(([one]: Socket[]) => once(one as Socket, "close"));
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    await cut;
    expect((await hungUp(socket)).length).toBeLessThan(answer.length);
  });

  test("holds up others for less than half of the time that API servers wait", async () => {
    const values = await readFile(new URL("../../../deploy/chart/values.yaml", import.meta.url), "utf8");
    const webhookMs = 1000 * Number(/^ {2}timeoutSeconds: (\d+)$/m.exec(values)?.[1]);
    expect(LIMITS.bodyMs).toBeLessThan(webhookMs / 2);
    expect(LIMITS.takeMs).toBeLessThan(webhookMs / 2);
  });

  test("cannot send headers without end", async () => {
    const { port } = await listening();
    const socket = await raw(port);
    socket.write(`GET /livez HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}\r\n\r\n`);
    expect(await hungUp(socket)).toMatch(/^HTTP\/1.1 431/);
  });

  test("cannot send many short headers, which take far more memory than their length, or hide one behind them", async () => {
    const { port } = await listening();
    for (const count of [100, 900]) {
      const socket = await raw(port);
      const many = Array.from({ length: count }, (_, n) => `a${n}: b${n}\r\n`).join("");
      socket.write(
        `POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${many}transfer-encoding: chunked\r\n\r\n`,
      );
      expect(await hungUp(socket)).toMatch(/^HTTP\/1.1 431/);
    }
  });
});
