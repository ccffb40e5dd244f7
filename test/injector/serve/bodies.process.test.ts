import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { type TLSSocket } from "node:tls";
import { describe, expect, onTestFinished, test } from "vitest";
import { app, pod } from "../../support/pods.ts";
import { until } from "../../support/until.ts";
import { reviewText } from "../../support/webhook.ts";
import { ca, agentFor, hungUp, listening, review, raw } from "./listener-rig.ts";

describe("a flood of long bodies", () => {
  const LONG = 6 * 1024 * 1024;
  const HEAD = `POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${LONG}\r\n\r\n`;
  /** Opens connections that send most of a long body and then nothing. @param read how many the server reads at once */
  async function stalled(
    port: number,
    { count, read, last = 1 }: { count: number; read: number; last?: number },
  ): Promise<readonly TLSSocket[]> {
    const sockets = await Promise.all(
      Array.from({ length: count }, () => raw(port, { localAddress: `127.0.0.${last}` })),
    );
    for (const socket of sockets) {
      socket.write(HEAD);
      socket.write(Buffer.alloc(LONG - 1, " "));
    }
    await until("those that are read", () => kept(sockets) === count - read || undefined);
    return sockets;
  }
  const kept = (sockets: readonly TLSSocket[]): number =>
    sockets.filter(({ writableLength }) => writableLength > LONG / 2).length;

  test("is read from one connection at a time, and short reviews are answered meanwhile", async () => {
    const { port } = await listening({ bodyMs: 60_000 });
    const sockets = await stalled(port, { count: 20, read: 1 });
    await delay(300);
    expect(kept(sockets)).toBe(19);
    expect((await review(port, agentFor([ca]))).status).toBe(200);
    // The first connections end or are closed, and the next ones have their turn.
    for (const socket of sockets.slice(0, 19)) socket.destroy();
    await until("their turn", () => kept(sockets.slice(19)) === 0 || undefined);
  });

  test("to a path that there is not is answered, and not read", async () => {
    const { port } = await listening({ bodyMs: 60_000 });
    const socket = await raw(port);
    socket.write(HEAD.replace("/mutate", "/nothing"));
    expect(String(await once(socket, "data"))).toMatch(/^HTTP\/1.1 404 [^]*NOT_FOUND/);
  });

  const LONG_REVIEW = reviewText(JSON.stringify(pod({}, { note: "x".repeat(200_000) })));

  test("from one address does not delay a long review from another", async () => {
    const { port } = await listening({ bodyMs: 60_000 });
    await stalled(port, { count: 20, read: 1, last: 2 });
    expect((await review(port, agentFor([ca]), LONG_REVIEW)).status).toBe(200);
  });

  test("from many addresses delays a long review only until the flood times out", async () => {
    const { port } = await listening({ bodyMs: 1500 });
    await stalled(port, { count: 4, read: 1, last: 2 });
    await stalled(port, { count: 4, read: 1, last: 3 });
    await stalled(port, { count: 4, read: 0, last: 4 });
    expect((await review(port, agentFor([ca]), LONG_REVIEW)).status).toBe(200);
  });

  test("that do not come, from two addresses that take all memory again and again, keeps no long review out", async () => {
    const bodyMs = 1500;
    const { port } = await listening({ bodyMs });
    const over = new AbortController();
    onTestFinished(() => over.abort());
    /** One connection after the other that sends headers alone, and is cut off. */
    const holding = async (last: number): Promise<void> => {
      while (!over.signal.aborted) {
        const socket = await raw(port, { localAddress: `127.0.0.${last}` });
        socket.write(HEAD.replace(String(LONG), String(1024 * 1024)));
        await hungUp(socket);
      }
    };
    // Each address may have eight at a time. They end one after the other.
    for (let n = 0; n < 16; n += 1) {
      for (const last of [2, 3]) void holding(last).catch(() => undefined);
      await delay(bodyMs / 16);
    }
    // Longer than what comes free at once.
    const longer = reviewText(JSON.stringify(pod({}, { note: "x".repeat(3_000_000) })));
    for (let n = 0; n < 3; n += 1) expect((await review(port, agentFor([ca]), longer)).status).toBe(200);
  });
});

test("reviews that take long come one by one, and a short one that arrives with them comes between", async () => {
  const containers = Array.from({ length: 800 }, (_, n) => ({ ...app, name: `c-${n}` }));
  const long = reviewText(JSON.stringify(pod({ containers })));
  const { port } = await listening();
  const sockets = await Promise.all(Array.from({ length: 31 }, () => raw(port)));
  const order: number[] = [];
  const answered = sockets.map(async (socket, n) => {
    await once(socket.resume(), "data");
    order.push(n);
  });
  // All of them are there before the server looks.
  for (const [n, socket] of sockets.entries()) {
    const body = n === 30 ? reviewText(JSON.stringify(pod())) : long;
    socket.write(
      `POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
  }
  await Promise.all(answered);
  expect(order.indexOf(30)).toBeLessThan(10);
});
