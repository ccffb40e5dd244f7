import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { Agent, request } from "node:https";
import { connect as connectTcp, type AddressInfo, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  certificateAuthority,
  servingCertificate,
  validFor,
  type KeyPair,
} from "../../../injector/tls/certificates.ts";
import {
  LIMITS,
  listener,
  serveCertificate,
  type Limits,
  type ListenerTls,
} from "../../../injector/serve/listener.ts";
import { buildServer } from "../../../injector/serve/server.ts";
import { config } from "../../support/config.ts";
import { clusterOf, facts } from "../../support/facts.ts";
import { silent } from "../../support/log-lines.ts";
import { pod, TOKEN } from "../../support/pods.ts";
import { until } from "../../support/until.ts";
import { reviewText } from "../../support/webhook.ts";

const NAME = "podrole-injector.podrole-system.svc";
const REVIEW = reviewText(JSON.stringify(pod()));

let ca: KeyPair;
beforeAll(async () => {
  ca = await certificateAuthority("test", validFor(1, Date.now()));
});
const fresh = (by = ca): Promise<KeyPair> =>
  servingCertificate(by, [NAME, "127.0.0.1"], validFor(1, Date.now()));

interface Listening {
  readonly port: number;
  readonly use: (tls: ListenerTls) => void;
  readonly refused: () => number;
}

async function listening(limits: Partial<Limits> = {}, tls?: ListenerTls): Promise<Listening> {
  let refused = 0;
  const app = buildServer({
    config: () => config(),
    cluster: clusterOf(facts()),
    newToken: () => TOKEN,
    log: silent,
    tls: tls ?? (await fresh()),
    limits: { ...LIMITS, checkMs: 20, ...limits },
    refused: () => void (refused += 1),
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(async () => {
    app.server.closeAllConnections();
    await app.close();
  });
  return {
    port: (app.server.address() as AddressInfo).port,
    use: (pair) => serveCertificate(app.server, pair),
    refused: () => refused,
  };
}

/** One review; its connection's certificate. */
async function review(
  port: number,
  agent: Agent,
  body = REVIEW,
): Promise<{ status: number; serial: string }> {
  const sent = request({
    host: "127.0.0.1",
    port,
    agent,
    path: "/mutate?timeout=5s",
    method: "POST",
    servername: NAME,
    headers: {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    },
  });
  sent.end(body);
  const [response] = await once(sent, "response");
  const { serialNumber } = (sent.socket as TLSSocket).getPeerCertificate();
  await text(response);
  return { status: response.statusCode, serial: serialNumber };
}

const agentFor = (authorities: readonly KeyPair[], maxSockets = 1): Agent => {
  const agent = new Agent({ keepAlive: true, maxSockets, ca: authorities.map(({ cert }) => cert) });
  onTestFinished(() => agent.destroy());
  return agent;
};
const serialOf = ({ cert }: KeyPair): string => new X509Certificate(cert).serialNumber;

/** A TLS connection that a test writes to by hand. */
async function raw(port: number, options: object = {}): Promise<TLSSocket> {
  const socket = connectTls({ host: "127.0.0.1", port, ca: ca.cert, servername: NAME, ...options });
  onTestFinished(() => void socket.destroy());
  await once(socket, "secureConnect");
  return socket.on("error", () => {});
}

/** What the server says until it hangs up. Without the limits of {@link SHORT} it would do so after minutes. */
async function hungUp(socket: Socket): Promise<string> {
  let said = "";
  socket.on("data", (chunk) => (said += String(chunk)));
  // A reset is as good an end as any.
  socket.on("error", () => {});
  await new Promise<void>((resolve) =>
    socket.closed ? resolve() : void socket.once("close", () => resolve()),
  );
  return said;
}

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

  test("replaces the old one a dozen times under load, with its CA, and no request is lost", async () => {
    const authorities = [ca, await certificateAuthority("next", validFor(1, Date.now()))];
    const server = await listening();
    const seen = new Set<string>();
    const load = { running: true };
    let answered = 0;
    const client = async (): Promise<void> => {
      // Some keep their connection, as API servers do; some come anew.
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

  test("that sends its headers a byte at a time is told 408 and cut off", async () => {
    const { port } = await listening(SHORT);
    const socket = await raw(port);
    const feed = setInterval(() => socket.write("x"), 20);
    onTestFinished(() => clearInterval(feed));
    socket.write("GET /livez HTTP/1.1\r\nx: ");
    const said = await hungUp(socket);
    expect(said).toMatch(/^HTTP\/1.1 408/);
  });

  test("that sends its body a byte at a time is told 408 and cut off", async () => {
    const { port } = await listening(SHORT);
    const socket = await raw(port);
    const feed = setInterval(() => socket.write("x"), 20);
    onTestFinished(() => clearInterval(feed));
    socket.write(`${REQUEST}\r\n`);
    const said = await hungUp(socket);
    expect(said).toMatch(/^HTTP\/1.1 408/);
  });

  test("that is slow in its second request is cut off too", async () => {
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
    // The same connection: a new one would show the other certificate.
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

  test("that was refused and goes on sending is cut off", async () => {
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

  test("cannot send headers without end", async () => {
    const { port } = await listening();
    const socket = await raw(port);
    socket.write(`GET /livez HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}\r\n\r\n`);
    expect(await hungUp(socket)).toMatch(/^HTTP\/1.1 431/);
  });
});

describe("a flood of long bodies", () => {
  const LONG = 6 * 1024 * 1024;
  const HEAD = "POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
  const TOLD = `${HEAD}content-length: ${LONG}\r\n\r\n`;
  /** Connections that send most of a long body, and then nothing, of which so many are read. */
  async function dawdling(
    port: number,
    { count, read, head = TOLD, last = 1 }: { count: number; read: number; head?: string; last?: number },
  ): Promise<readonly TLSSocket[]> {
    const sockets = await Promise.all(
      Array.from({ length: count }, () => raw(port, { localAddress: `127.0.0.${last}` })),
    );
    for (const socket of sockets) {
      socket.write(head);
      socket.write(Buffer.alloc(LONG - 1, " "));
    }
    await until("those that are read", () => kept(sockets) === count - read || undefined);
    return sockets;
  }
  const kept = (sockets: readonly TLSSocket[]): number =>
    sockets.filter(({ writableLength }) => writableLength > LONG / 2).length;

  test.for([
    ["of a length that they tell", TOLD],
    [
      "of a length that they do not tell",
      `${HEAD}transfer-encoding: chunked\r\n\r\n${LONG.toString(16)}\r\n`,
    ],
  ] as const)("%s is read three at a time, and short reviews are answered meanwhile", async ([, head]) => {
    const { port } = await listening();
    const sockets = await dawdling(port, { count: 20, read: 3, head });
    await delay(300);
    expect(kept(sockets)).toBe(17);
    expect((await review(port, agentFor([ca]))).status).toBe(200);
    // Those in front go, by their own will or not; those behind have their turn.
    for (const socket of sockets.slice(0, 17)) socket.destroy();
    await until("their turn", () => kept(sockets.slice(17)) === 0 || undefined);
  });

  const LONG_REVIEW = reviewText(JSON.stringify(pod({}, { note: "x".repeat(200_000) })));

  test("from one address does not delay a long review from another", async () => {
    const { port } = await listening({ bodyMs: 60_000 });
    await dawdling(port, { count: 20, read: 3, last: 2 });
    expect((await review(port, agentFor([ca]), LONG_REVIEW)).status).toBe(200);
  });

  test("from many addresses delays a long review only until the flood times out", async () => {
    const { port } = await listening({ bodyMs: 1500 });
    await dawdling(port, { count: 4, read: 3, last: 2 });
    await dawdling(port, { count: 4, read: 3, last: 3 });
    await dawdling(port, { count: 4, read: 0, last: 4 });
    expect((await review(port, agentFor([ca]), LONG_REVIEW)).status).toBe(200);
  });
});

describe("a client that asks again before it was answered", () => {
  test("is not read further, whatever it asks for", async () => {
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

  test("is served when it has read its answers, a thousand times", async () => {
    const { port } = await listening();
    const agent = agentFor([ca]);
    const statuses = new Set<number>();
    for (let count = 0; count < 1000; count += 1) statuses.add((await review(port, agent)).status);
    expect([...statuses]).toEqual([200]);
  });
});

describe("a flood", () => {
  /** Tries until there is an answer. */
  const answered = ({ port }: Listening): Promise<number> =>
    until("an answer", () =>
      review(port, agentFor([ca])).then(
        ({ status }) => status,
        () => undefined,
      ),
    );
  const MANY = { connections: 60, connectionsPerAddress: 40 };

  test("from one address is kept to its share, and others are served", async () => {
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

  test("closes the connection that was idle longest, and none with a request under way", async () => {
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

  test("from many addresses is kept to the total, and leaves nothing behind", async () => {
    const server = await listening({ ...MANY, handshakeMs: 300 });
    for (const last of [2, 3, 4, 5]) from(server, last, 40);
    await until("the refusals", () => server.refused() >= 100 || undefined);
    // Those that were let in say nothing, and have to go.
    expect(await answered(server)).toBe(200);
  });

  test("of connections that come and go leaves the counts at zero", async () => {
    const server = await listening({ connections: 20, connectionsPerAddress: 10 });
    for (let turn = 0; turn < 60; turn += 1) {
      const socket = connectTcp({ host: "127.0.0.1", port: server.port }).on("error", () => {});
      await once(socket, "connect");
      socket.resetAndDestroy();
    }
    expect(await answered(server)).toBe(200);
  });
});
