import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { until } from "../../support/until.ts";
import {
  ca,
  REVIEW,
  fresh,
  agentFor,
  listening,
  review,
  raw,
  hungUp,
  type Listening,
} from "./listener-rig.ts";

describe("a flood", () => {
  /** Repeats a request until it is answered. */
  const answered = ({ port }: Listening): Promise<number> =>
    until("an answer", () =>
      review(port, agentFor([ca])).then(
        ({ status }) => status,
        () => undefined,
      ),
    );
  const MANY = { connections: 60, connectionsPerAddress: 40 };

  test("from one address is limited to its share, and others are served", async () => {
    const server = await listening(MANY);
    const sockets = from(server, 2, 200);
    await until("the refusals", () => server.refused() >= 160 || undefined);
    expect((await review(server.port, agentFor([ca]))).status).toBe(200);
    await until("their ends", () => sockets.filter(({ destroyed }) => !destroyed).length <= 40 || undefined);
  });

  const from = (server: Listening, last: number, count: number): readonly Socket[] => {
    const sockets = Array.from({ length: count }, () =>
      connectTcp({ host: "127.0.0.1", port: server.port, localAddress: `127.0.0.${last}` }).on(
        "error",
        () => {},
      ),
    );
    onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
    return sockets;
  };

  test("from many addresses loses connections to an address that has few", async () => {
    const server = await listening(MANY);
    const kept = agentFor([ca]);
    const { serial } = await review(server.port, kept);
    for (const last of [2, 3, 4, 5]) from(server, last, 40);
    await until("the refusals", () => server.refused() >= 101 || undefined);
    for (let call = 0; call < 5; call += 1)
      expect((await review(server.port, agentFor([ca]))).status).toBe(200);
    server.use(await fresh());
    expect(await review(server.port, kept)).toEqual({ status: 200, serial });
  });

  test("does not close a used connection of its own address", async () => {
    const server = await listening({ connections: 20, connectionsPerAddress: 40 });
    const kept = agentFor([ca]);
    const { serial } = await review(server.port, kept);
    from(server, 1, 50);
    await until("the refusals", () => server.refused() >= 31 || undefined);
    server.use(await fresh());
    expect(await review(server.port, kept)).toEqual({ status: 200, serial });
  });

  test("closes the connection that was idle longest, and none with a pending request", async () => {
    const server = await listening({ connections: 8, connectionsPerAddress: 8 });
    const localAddress = "127.0.0.2";
    const [busy, used, idle] = [
      await raw(server.port, { localAddress }),
      await raw(server.port, { localAddress }),
      await raw(server.port, { localAddress }),
    ];
    await Promise.all(from(server, 2, 5).map((socket) => once(socket, "connect")));
    busy.write("POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
    busy.write(`expect: 100-continue\r\ncontent-length: ${Buffer.byteLength(REVIEW)}\r\n\r\n`);
    await once(busy, "data");
    used.write("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(used, "data");
    const ended = hungUp(idle);
    expect((await review(server.port, agentFor([ca]))).status).toBe(200);
    await ended;
    busy.write(REVIEW);
    used.write("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    const answers = await Promise.all([once(busy, "data"), once(used, "data")]);
    for (const [answer] of answers) expect(String(answer)).toMatch(/^HTTP\/1.1 200/);
  });

  test("from many addresses is limited in total, and all its connections are closed in the end", async () => {
    const server = await listening({ ...MANY, handshakeMs: 3000 });
    for (const last of [2, 3, 4, 5]) from(server, last, 40);
    await until("the refusals", () => server.refused() >= 100 || undefined);
    // The accepted connections send nothing and must be closed.
    expect(await answered(server)).toBe(200);
  });

  test("of short connections leaves the counts at zero", async () => {
    const server = await listening({ connections: 20, connectionsPerAddress: 10 });
    for (let turn = 0; turn < 60; turn += 1) {
      const socket = connectTcp({ host: "127.0.0.1", port: server.port }).on("error", () => {});
      await once(socket, "connect");
      socket.resetAndDestroy();
    }
    expect(await answered(server)).toBe(200);
  });

  test("of connections that were reset before they were accepted leaves the counts at zero", async () => {
    const server = await listening({ connections: 20, connectionsPerAddress: 10 });
    for (let turn = 0; turn < 8; turn += 1) {
      // Until it has ended, this process accepts nothing.
      execFileSync(process.execPath, ["--eval", RESETS, String(server.port)]);
      await new Promise((resolve) => void setTimeout(resolve, 50));
    }
    expect(server.refused()).toBe(0);
    await Promise.all(Array.from({ length: 10 }, () => raw(server.port)));
  });
});

const RESETS = `
  const { connect } = require("node:net");
  for (let left = 10; left > 0; left -= 1) {
    const socket = connect(Number(process.argv[1]), "127.0.0.1", () => socket.resetAndDestroy());
  }
`;
