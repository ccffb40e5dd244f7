import { once } from "node:events";
import type { Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { certificateAuthority, validFor } from "../../../injector/tls/certificates.ts";
import { LIMITS, listener } from "../../../injector/http/listener.ts";
import { until } from "../../support/until.ts";
import { ca, fresh, agentFor, serialOf, listening, review, raw, hungUp } from "../serve/listener-rig.ts";

describe("another certificate", () => {
  test("is served to new connections, while open ones keep theirs", async () => {
    const [first, second] = [await fresh(), await fresh()];
    const server = await listening({}, first);
    const before = agentFor([ca]);
    expect(await review(server.port, before)).toEqual({ status: 200, serial: serialOf(first) });
    server.use(second);
    expect(await review(server.port, before)).toEqual({ status: 200, serial: serialOf(first) });
    expect(await review(server.port, agentFor([ca]))).toEqual({ status: 200, serial: serialOf(second) });
  });

  test("replaces the old one and its CA a dozen times under load, and no request is lost", async () => {
    const authorities = [ca, await certificateAuthority("next", validFor(1, Date.now()))];
    const server = await listening();
    const seen = new Set<string>();
    const load = { running: true };
    let answered = 0;
    const client = async (): Promise<void> => {
      // Some clients keep their connection, as API servers do; others open new ones.
      for (let agent = agentFor(authorities); load.running; answered += 1) {
        const { status, serial } = await review(server.port, agent);
        expect(status).toBe(200);
        seen.add(serial);
        if (answered % 5 === 0) {
          agent.destroy();
          agent = agentFor(authorities);
        }
      }
    };
    const clients = Array.from({ length: 8 }, client);
    for (let turn = 0; turn < 12; turn += 1) {
      const from = answered;
      server.use(await fresh(authorities[turn % 2]));
      await until("requests after the turn", () => answered > from + 20 || undefined);
    }
    load.running = false;
    await Promise.all(clients);
    expect(seen.size).toBeGreaterThan(10);
  });

  test("that does not fit its key changes nothing", async () => {
    const [first, second] = [await fresh(), await fresh()];
    const server = await listening({}, first);
    expect(() => server.use({ cert: second.cert, key: first.key })).toThrow(/mismatch/);
    expect(() => server.use({ cert: "half a file", key: first.key })).toThrow(/PEM|no start line/i);
    expect((await review(server.port, agentFor([ca]))).serial).toBe(serialOf(first));
  });

  test.for([
    ["TLS 1.2 is refused, before and after", undefined, false],
    ["TLS 1.2 is spoken where the installation says so, before and after", "TLSv1.2", true],
  ] as const)("changes nothing about versions: %s", async ([, minVersion, spoken]) => {
    const versions = minVersion === undefined ? {} : { minVersion };
    const server = await listening({}, { ...(await fresh()), ...versions });
    const speaks = (): Promise<boolean> =>
      raw(server.port, { maxVersion: "TLSv1.2" }).then(
        () => true,
        () => false,
      );
    expect(await speaks()).toBe(spoken);
    server.use({ ...(await fresh()), ...versions });
    expect(await speaks()).toBe(spoken);
  });

  test("ALPN leads to HTTP/1.1", async () => {
    const { port } = await listening();
    expect((await raw(port, { ALPNProtocols: ["h2", "http/1.1"] })).alpnProtocol).toBe("http/1.1");
  });
});

describe("a client that sends another request before it was answered", () => {
  test("is not read further, whatever it requests", async () => {
    let requests = 0;
    const tls = await fresh();
    const server = listener(() => void (requests += 1), tls, LIMITS);
    onTestFinished(() => void server.close());
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    for (const [line, more] of [
      ["GET /readyz", ""],
      ["POST /mutate", "Content-Length: 0\r\n"],
      ["GET /readyz", "Expect: something\r\n"],
    ] as const) {
      requests = 0;
      const socket = await raw(port);
      socket.write(`${line} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`.repeat(200));
      expect(await hungUp(socket)).toBe("");
      expect(requests).toBe(1);
    }
  });

  test("is served after it has read its answers, a thousand times", async () => {
    const { port } = await listening();
    const agent = agentFor([ca]);
    const statuses = new Set<number>();
    for (let count = 0; count < 1000; count += 1) statuses.add((await review(port, agent)).status);
    expect([...statuses]).toEqual([200]);
  });
});

describe("a burst on kept connections is answered", () => {
  /** Sends a request on each of many kept connections at once. @returns how many are answered */
  const answersTo = async (drain: (server: Server) => void, isDraining: () => boolean): Promise<number> => {
    let isBurst = false;
    const server = listener(
      (_, response) => {
        if (isBurst) drain(server);
        // A round takes longer than a check of idle connections.
        for (const end = performance.now() + 3; performance.now() < end;);
        response.end("answer");
      },
      undefined,
      { ...LIMITS, checkMs: 1 },
      undefined,
      isDraining,
    );
    onTestFinished(() => server.close().closeAllConnections());
    await once(server.listen(0, "127.0.0.1"), "listening");
    const kept = Array.from({ length: 50 }, () => connect((server.address() as AddressInfo).port));
    const send = (): readonly Promise<boolean>[] =>
      kept.map(async (socket) => {
        onTestFinished(() => void socket.destroy());
        socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        const ends = ["data", "close", "error"].map(
          (event) => new Promise<string>((resolve) => void socket.once(event, () => resolve(event))),
        );
        return (await Promise.race(ends)) === "data";
      });
    await Promise.all(send());
    isBurst = true;
    return (await Promise.all(send())).filter(Boolean).length;
  };

  test("while the server drains", async () => {
    let isDraining = false;
    const drain = (): void => void (isDraining = true);
    expect(await answersTo(drain, () => isDraining)).toBe(50);
  });

  test("if the server closes meanwhile", async () => {
    expect(
      await answersTo(
        (server) => void server.close(),
        () => false,
      ),
    ).toBe(50);
  });
});
