import { readFile } from "node:fs/promises";
import { connect as connectTcp, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { brokerProcess, type BrokerProcess } from "../../support/broker-process.ts";
import { flood } from "../../support/flood.ts";
import { memoryLimit } from "../../support/memory-limit.ts";
import { podToken } from "../../support/pod-token.ts";
import { until } from "../../support/until.ts";

/**
 * What tenants that reach the broker's port can do to it, each from an address of its own. The broker has 200 MiB, where this machine
 * lets a test set a limit.
 */

const MIB = 1024 * 1024;
const HEAD = "POST /v1/session HTTP/1.1\r\nHost: localhost\r\n";
const slowBody = `${HEAD}Content-Length: 4000\r\n\r\n{`;
const garbage = `${HEAD}Authorization: Bearer ${"x".repeat(7000)}\r\nContent-Length: 0\r\n\r\n`;

const residentMiB = async (pid: number): Promise<number> =>
  Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

const tcp = ({ port }: BrokerProcess, localAddress: string): Socket =>
  connectTcp({ host: "127.0.0.1", port, localAddress }).on("error", () => undefined);

/** Does it again and again until the test ends, so many at a time. */
function loop(atOnce: number, one: (turn: number) => Promise<unknown>): void {
  const over = new AbortController();
  let turn = 0;
  onTestFinished(() => over.abort());
  const go = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await one((turn += 1)).catch(() => undefined);
      await delay(1);
    }
  };
  for (let n = 0; n < atOnce; n += 1) void go();
}

test.skipIf(process.platform !== "linux")(
  "tenants that flood the broker keep no pod from its session, and take little memory",
  async () => {
    const broker = await brokerProcess([], memoryLimit(200 * MIB));
    const before = await residentMiB(broker.pid);
    const looping = broker.pod("looping");
    for (let n = 1; n <= 10; n += 1) flood(100, () => tcp(broker, `127.0.1.${n}`), "");
    // Opened again, as each is closed in time.
    loop(20, () => closedAfter(tcp(broker, "127.0.0.2"), slowBody));
    loop(5, () => closedAfter(tcp(broker, "127.0.0.3"), garbage.repeat(200)));
    loop(5, () => handshake(tcp(broker, "127.0.0.6")));
    loop(5, (turn) => broker.ask(forged(turn), "127.0.0.4"));
    loop(5, () => broker.ask(looping, "127.0.0.5"));

    let most = 0;
    for (let n = 0; n < 30; n += 1) {
      const token = broker.pod(`web-${n}`);
      const { status } = await until("a session", () => broker.ask(token).catch(() => undefined));
      expect(status).toBe(200);
      most = Math.max(most, await residentMiB(broker.pid));
    }
    const { text } = await broker.health("/metrics");
    expect(text).toMatch(/podrole_broker_refusals_total\{code="BROKER_BUSY"\} [1-9]/);
    expect(most - before).toBeLessThan(100);
    // The refusals of a loop fill no log.
    const refusals = broker.lines().filter(({ msg }) => msg === "session refused");
    expect(refusals.filter(({ podUid }) => podUid === "uid-of-looping").length).toBeLessThan(50);
  },
);

test("a tenant whose requests do not come whole does not shield the silent connections of others", async () => {
  const broker = await brokerProcess();
  loop(100, () => closedAfter(tcp(broker, "127.0.0.2"), slowBody));
  for (let n = 1; n <= 10; n += 1) loop(99, () => closed(tcp(broker, `127.0.1.${n}`)));
  await until("too many connections", async () => {
    const { text } = await broker.health("/metrics");
    return /podrole_connections_refused_total [1-9]/.test(text) || undefined;
  });
  for (let n = 1; n <= 30; n += 1) {
    const { status } = await broker.ask(broker.pod(`web-${n}`), `127.0.2.${n}`);
    expect(status).toBe(200);
  }
});

/** Says nothing until the server closes the connection. */
function closed(connection: Socket): Promise<void> {
  onTestFinished(() => void connection.destroy());
  return new Promise((resolve) => void connection.resume().once("close", () => resolve()));
}

/** Opens a connection and leaves. */
function handshake(connection: Socket): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ socket: connection, rejectUnauthorized: false });
    socket
      .on("error", () => undefined)
      .once("secureConnect", () => socket.destroy())
      .once("close", () => resolve());
  });
}

const forged = (turn: number): string => podToken({ jti: `${turn}`, pod: { name: "web-0", uid: "forged" } });

/** Sends bytes over TLS and waits for the end of the connection. */
function closedAfter(connection: Socket, bytes: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ socket: connection, rejectUnauthorized: false });
    socket
      .on("error", () => undefined)
      .once("close", () => resolve())
      .resume()
      .write(bytes);
    onTestFinished(() => void socket.destroy());
  });
}
