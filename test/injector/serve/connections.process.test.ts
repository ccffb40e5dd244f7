import { execFileSync } from "node:child_process";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect as connectTcp, type AddressInfo, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { LIMITS, listener } from "../../../injector/http/listener.ts";
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

  test("closes the connection that was used longest ago", async () => {
    const server = await listening({ connections: 8, connectionsPerAddress: 8 });
    const localAddress = "127.0.0.2";
    const [begun, used, idle] = [
      await raw(server.port, { localAddress }),
      await raw(server.port, { localAddress }),
      await raw(server.port, { localAddress }),
    ];
    await Promise.all(from(server, 2, 5).map((socket) => once(socket, "connect")));
    begun.write("POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
    begun.write(`expect: 100-continue\r\ncontent-length: ${Buffer.byteLength(REVIEW)}\r\n\r\n`);
    await once(begun, "data");
    used.write("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(used, "data");
    const ended = hungUp(idle);
    expect((await review(server.port, agentFor([ca]))).status).toBe(200);
    await ended;
    begun.write(REVIEW);
    used.write("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    const answers = await Promise.all([once(begun, "data"), once(used, "data")]);
    for (const [answer] of answers) expect(String(answer)).toMatch(/^HTTP\/1.1 200/);
  });

  test("closes connections whose requests did not come whole, and none whose request waits for its answer", async () => {
    const handled: ServerResponse[] = [];
    const server = listener(
      (request, response) => {
        handled.push(response);
        request.resume();
      },
      undefined,
      { ...LIMITS, connections: 4, connectionsPerAddress: 4 },
    ).listen(0, "127.0.0.1");
    onTestFinished(() => server.close().closeAllConnections());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const sending = (last: number, body: string): Socket => {
      const socket = connectTcp({ host: "127.0.0.1", port, localAddress: `127.0.0.${last}` });
      onTestFinished(() => void socket.destroy());
      socket.on("error", () => {}).write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n${body}`);
      return socket;
    };
    const whole = sending(2, "1234");
    await until("the whole request", () => handled.length === 1 || undefined);
    const begun = [sending(2, "1"), sending(2, "12"), sending(2, "123")];
    await until("all requests", () => handled.length === 4 || undefined);
    const ends = begun.map((socket) => hungUp(socket));
    [3, 4, 5].forEach((last) => sending(last, "1234"));
    await Promise.all(ends);
    await until("the new requests", () => handled.length === 7 || undefined);
    handled[0]?.end("answered");
    expect(String(await once(whole, "data"))).toContain("200 OK");
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
