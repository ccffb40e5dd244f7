import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { watchConnections, reachOthers } from "../../../sidecar/imds/own-connections.ts";
import { listenImds } from "../../../sidecar/imds/server.ts";
import { freePort } from "../../support/free-port.ts";
import { reach, type Reach } from "../../../sidecar/kit/reach.ts";

/** The endpoint of this process, and what tells its connections from others. */
async function own(): Promise<{
  readonly port: number;
  readonly look: (address: string, port: number) => Promise<Reach>;
}> {
  const connections = watchConnections();
  const answer = async () => ({ status: 200, headers: {}, body: "" });
  const imds = await listenImds({ answer, onConnection: connections.note }, 0);
  onTestFinished(() => imds.close());
  return { port: imds.port, look: (address, port) => reachOthers(reach, connections)(address, port, 300) };
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const OWN = { kind: "refused", code: "OWN" };

describe("a connection is recognised as the sidecar's own", () => {
  test.each(["127.0.0.1", "::1"])("when it arrives at the endpoint by %s", async (address) => {
    const { port, look } = await own();
    expect(await look(address, port)).toEqual(OWN);
    expect(await look(address, port), "and the next one as well").toEqual(OWN);
  });

  test("when several are watched at once", async () => {
    const { port, look } = await own();
    const looks = Array.from({ length: 20 }, (_, index) => look(index % 2 ? "127.0.0.1" : "::1", port));
    expect(new Set((await Promise.all(looks)).map((one) => JSON.stringify(one)))).toEqual(
      new Set([JSON.stringify(OWN)]),
    );
  });

  test("when the process stands still until the time is over, although the connection has arrived", async () => {
    const connections = watchConnections();
    const answer = async () => ({ status: 200, headers: {}, body: "" });
    const imds = await listenImds({ answer, onConnection: connections.note }, 0);
    onTestFinished(() => imds.close());
    const localPort = await freePort();
    // Timers come before connections from here on.
    await new Promise((resolve) => void setImmediate(resolve));
    const look = connections.watch();
    const saw = look.saw({ address: "127.0.0.1", port: localPort }, 10);
    const client = connect({ host: "127.0.0.1", port: imds.port, localAddress: "127.0.0.1", localPort });
    onTestFinished(() => void client.destroy());
    process.nextTick(() => {
      const until = Date.now() + 50;
      while (Date.now() < until);
    });
    expect(await saw).toBe(true);
  });

  test("when the endpoint turns it away because it has too many", async () => {
    const connections = watchConnections();
    const full = createServer((socket) => void socket.on("error", () => undefined));
    full.maxConnections = 0;
    full.on("drop", (ends) => {
      connections.note({ address: ends?.remoteAddress ?? "", port: ends?.remotePort ?? 0 });
    });
    expect(await reachOthers(reach, connections)("127.0.0.1", await listening(full), 300)).toEqual(OWN);
  });
});

describe("a connection is taken for one to the metadata service", () => {
  test("when another server accepts it, which is not sent a byte", async () => {
    const received: Buffer[] = [];
    const { look } = await own();
    const other = createServer((socket) => void socket.on("data", (part: Buffer) => received.push(part)));
    expect(await look("127.0.0.1", await listening(other))).toMatchObject({ kind: "connected" });
    expect(received).toEqual([]);
  });

  test("when a proxy accepts it and passes everything on to the endpoint", async () => {
    const { port, look } = await own();
    const proxy = createServer((socket) => {
      const onward = connect({ host: "127.0.0.1", port });
      socket.on("error", () => undefined).pipe(onward);
      onward.on("error", () => undefined).pipe(socket);
    });
    expect(await look("127.0.0.1", await listening(proxy))).toMatchObject({ kind: "connected" });
  });

  test("when only other connections come to the endpoint meanwhile", async () => {
    const { port, look } = await own();
    const other = createServer(() => connect({ host: "127.0.0.1", port }).on("error", () => undefined));
    expect(await look("127.0.0.1", await listening(other))).toMatchObject({ kind: "connected" });
  });

  test("when its source is not known", async () => {
    const { watch } = watchConnections();
    const unknown = async (): Promise<Reach> => ({ kind: "connected" });
    expect(await reachOthers(unknown, { watch })("192.0.2.1", 80, 10)).toEqual({ kind: "connected" });
  });
});

test.each<Reach>([{ kind: "timeout" }, { kind: "refused", code: "ECONNREFUSED" }])(
  "an attempt without a connection is reported unchanged: %j",
  async (outcome) => {
    expect(await reachOthers(async () => outcome, watchConnections())("192.0.2.1", 80, 10)).toEqual(outcome);
  },
);

test("a connection is recognised whatever interface its link-local address names", async () => {
  const connections = watchConnections();
  const through = async (): Promise<Reach> => {
    connections.note({ address: "fe80::1%lo", port: 40_000 });
    return { kind: "connected", from: { address: "fe80::1%eth0", port: 40_000 } };
  };
  expect(await reachOthers(through, connections)("fd00:ec2::254", 80, 10)).toEqual(OWN);
});
