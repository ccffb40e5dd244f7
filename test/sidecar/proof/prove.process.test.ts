import { connect, createServer, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { prove, type ProofOptions } from "../../../sidecar/proof/prove.ts";
import type { Way } from "../../../sidecar/proof/way.ts";
import { child } from "../../support/child.ts";
import { freePort } from "../../support/free-port.ts";
import { listening } from "../../support/listening.ts";
import { until } from "../../support/until.ts";

const HERE = "127.0.0.1";
const PUT = "PUT /latest/api/token";
const GET = "GET /latest/meta-data/iam/security-credentials/";

/** Long enough for every answer of a server on loopback that has one. */
const SHORT = { waitMs: 500 };
/** Nothing may wait for it. */
const NEVER = { waitMs: 100_000_000 };

type Behaviour = (socket: Socket) => void;

const silent: Behaviour = () => undefined;
const closes: Behaviour = (socket) => socket.end();
const resets: Behaviour = (socket) => socket.resetAndDestroy();
const says =
  (text: string): Behaviour =>
  (socket) =>
    void socket.write(text, "latin1");

/** One byte a millisecond. */
const saysSlowly =
  (text: string): Behaviour =>
  (socket) => {
    let at = 0;
    const timer = setInterval(() => {
      if (at >= text.length || socket.destroyed) return clearInterval(timer);
      socket.write(text.charAt(at), "latin1");
      at += 1;
    }, 1);
    socket.setNoDelay();
  };

/** For as long as somebody reads. */
const saysForEver =
  (text: string, again: string): Behaviour =>
  (socket) => {
    const go = (): void => {
      while (!socket.destroyed && socket.write(again, "latin1"));
    };
    socket.write(text, "latin1");
    socket.on("drain", go);
    go();
  };

interface Service {
  readonly port: number;
  /** What was asked, once for each connection. */
  readonly asked: readonly string[];
}

/** Stands in for the metadata service on loopback. `first`: what it does before it is asked. */
async function service(put: Behaviour, get: Behaviour, first = silent, host = HERE): Promise<Service> {
  const asked: string[] = [];
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on("error", () => undefined);
    first(socket);
    socket.once("data", (bytes) => {
      asked.push(String(bytes));
      (String(bytes).startsWith("PUT") ? put : get)(socket);
    });
  });
  onTestFinished(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return { port: await listening(server, host), asked };
}

const TOKEN_REQUIRED = says("HTTP/1.1 401 Unauthorized\r\nContent-Length: 6\r\n\r\n<html>");

async function proof(put: Behaviour, get: Behaviour, options: ProofOptions, first?: Behaviour) {
  const { port } = await service(put, get, first);
  const verdicts = await prove([HERE], { ...options, port });
  return verdicts.map(({ kind, said }) => [kind, said.replace(`${HERE} port ${port} `, "")]);
}

describe("a proof holds", () => {
  const hopLimit = `left ${PUT} without an answer and refused ${GET} with 401`;
  const noAnswer = `left ${PUT} without an answer and left ${GET} without an answer`;

  test("without waiting when the connections are refused", async () => {
    const port = await freePort();
    expect(await prove([HERE], { ...NEVER, port })).toEqual([
      { address: HERE, kind: "held", said: `${HERE} port ${port} refused the connection` },
    ]);
  });

  test("when PUT is left without an answer and GET is refused with 401", async () => {
    expect(await proof(silent, TOKEN_REQUIRED, SHORT)).toEqual([["held", hopLimit]]);
  });

  test.each([
    ["in an answer of one byte after the other", saysSlowly("HTTP/1.1 401 Unauthorized\r\n\r\n")],
    [
      "in an answer with megabytes of headers",
      saysForEver("HTTP/1.1 401 Unauthorized\r\n", `X: ${"y".repeat(70_000)}\r\n`),
    ],
    [
      "in an answer with a body without an end",
      saysForEver("HTTP/1.1 401 Unauthorized\r\n\r\n", "z".repeat(70_000)),
    ],
    ["by a server that closes then", (socket: Socket) => void socket.end("HTTP/1.0 401 No\r\n\r\n")],
  ])("when GET is refused %s", async (_, get) => {
    expect(await proof(resets, get, NEVER)).toEqual([["held", hopLimit]]);
  });

  test.each([
    ["resets", resets],
    ["closes", closes],
  ])("without waiting when the other end %s connections that were asked something", async (_, ends) => {
    expect(await proof(ends, ends, NEVER)).toEqual([["held", noAnswer]]);
  });

  test.each([
    ["resets", resets],
    ["closes", closes],
  ])("without waiting when the other end %s connections as soon as they open", async (_, ends) => {
    expect(await proof(silent, silent, NEVER, ends)).toEqual([["held", noAnswer]]);
  });
});

describe("a proof fails at once", () => {
  test.each<[string, Behaviour, Behaviour, string]>([
    ["when a token is given", says("HTTP/1.1 200 OK\r\n\r\nTOKEN"), silent, `answered ${PUT} with 200`],
    ["when a token is refused", says("HTTP/1.1 403 Forbidden\r\n\r\n"), silent, `answered ${PUT} with 403`],
    [
      "when PUT is answered byte after byte",
      saysSlowly("HTTP/1.1 200 OK\r\n\r\n"),
      silent,
      `began to answer ${PUT}`,
    ],
    [
      "when no token is required",
      silent,
      says("HTTP/1.1 200 OK\r\n\r\nnode-role"),
      `answered ${GET} with 200`,
    ],
    [
      "when no token is required and no role is there",
      silent,
      says("HTTP/1.1 404 Not Found\r\n\r\n"),
      `answered ${GET} with 404`,
    ],
    [
      "when GET is answered byte after byte",
      silent,
      saysSlowly("HTTP/1.1 200 OK\r\n\r\n"),
      `answered ${GET} with 200`,
    ],
    ["when GET is forbidden", silent, says("HTTP/1.1 403 Forbidden\r\n\r\n"), `answered ${GET} with 403`],
    [
      "when GET is answered with what is not HTTP",
      silent,
      says("<html>"),
      `answered ${GET} with what is not HTTP`,
    ],
    [
      "when GET gets a megabyte without a line's end",
      silent,
      says("\0".repeat(1_000_000)),
      `answered ${GET} with what is not HTTP`,
    ],
    [
      "when the status line of GET never ends",
      silent,
      saysForEver("HTTP/1.1 401 ", "a".repeat(70_000)),
      `answered ${GET} with what is not HTTP`,
    ],
    [
      "when half an answer is followed by the end",
      silent,
      (socket) => socket.end("HTTP/1.1 401"),
      `began to answer ${GET} with 401`,
    ],
  ])("%s", async (_, put, get, words) => {
    expect(await proof(put, get, NEVER)).toEqual([["reachable", words]]);
  });

  test("when the other end speaks before it is asked", async () => {
    const [[kind, said] = []] = await proof(silent, silent, NEVER, says("SSH-2.0-x\r\n"));
    expect(kind).toBe("reachable");
    expect(said).toMatch(/^answered (?:PUT|GET) \S+ with what is not HTTP$/);
  });

  test("when GET is redirected, and does not go where it leads", async () => {
    const other = await service(silent, silent);
    const there = says(`HTTP/1.1 307 Temporary Redirect\r\nLocation: http://${HERE}:${other.port}/\r\n\r\n`);
    expect(await proof(silent, there, NEVER)).toEqual([["reachable", `answered ${GET} with 307`]]);
    expect(other.asked).toEqual([]);
  });

  test("when one address of several answers, and names that one", async () => {
    const held = "127.0.0.2";
    const { port } = await service(says("HTTP/1.1 200 OK\r\n\r\n"), silent);
    expect(await prove([held, HERE], { ...NEVER, port })).toMatchObject([
      { address: HERE, kind: "reachable" },
    ]);
  });

  test("when an answer waits to be read while the process has no CPU until the time is over", async () => {
    const { port } = await service(silent, says("HTTP/1.1 200 OK\r\n\r\nnode-role"));
    const proven = prove([HERE], { waitMs: 200, port });
    await new Promise((resolve) => setTimeout(resolve, 20));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
    expect(await proven).toMatchObject([{ kind: "reachable" }]);
  });
});

describe("a proof fails when the time is over", () => {
  test.each<[string, string]>([
    ["H", `began to answer ${GET}`],
    ["HTTP/1.1 401 Unauthorized", `began to answer ${GET} with 401`],
  ])("and GET got half an answer, %j", async (half, words) => {
    expect(await proof(silent, says(half), SHORT)).toEqual([["reachable", words]]);
  });
});

/** Answers with this, in a process of its own, and drops new connections while it is stopped. */
async function stoppable(answer: string) {
  const program = `
    const server = require("node:net").createServer((socket) => socket.on("error", () => {}).once("data", () => socket.write(${JSON.stringify(answer)})));
    server.listen({ port: 0, host: "${HERE}", backlog: 1 }, () => console.log(server.address().port));
  `;
  const { output, kill } = child(["-e", program], {});
  const port = Number(await until("the port", () => /^(\d+)\n/.exec(output())?.[1]));
  kill("SIGSTOP");
  // So many that the queue of connections is full.
  const waiting = Array.from({ length: 4 }, () => connect(port, HERE).on("error", () => undefined));
  onTestFinished(() => waiting.forEach((socket) => socket.destroy()));
  await until("a full queue", () => waiting.filter(({ connecting }) => !connecting).length >= 2 || undefined);
  return { port, goOn: () => kill("SIGCONT") };
}

test("a proof fails when packets were dropped at first, and the kernel would not have tried again in time", async () => {
  const { port, goOn } = await stoppable("HTTP/1.1 200 OK\r\n\r\n");
  setTimeout(goOn, 1300);
  const [verdict] = await prove([HERE], { waitMs: 2000, port });
  // On a busy machine the answer may come too late to be read.
  expect(["reachable", "unproven"]).toContain(verdict?.kind);
});

test("a proof connects anew and waits for that, also where the process had no CPU until the time was over", async () => {
  const { port, goOn } = await stoppable("HTTP/1.1 200 OK\r\n\r\n");
  const proven = prove([HERE], { waitMs: 800, port });
  await new Promise((resolve) => setTimeout(resolve, 300));
  goOn();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
  expect(await proven).not.toMatchObject([{ kind: "held" }]);
});

test("a proof holds when packets are dropped until the end", async () => {
  const { port } = await stoppable("HTTP/1.1 200 OK\r\n\r\n");
  expect(await prove([HERE], { ...SHORT, port })).toMatchObject([
    { kind: "held", said: expect.stringMatching(/ was silent$/) },
  ]);
});

describe("a proof says nothing", () => {
  test("when the service answers neither PUT nor GET in time", async () => {
    const late: Behaviour = (socket) =>
      void setTimeout(says("HTTP/1.1 200 OK\r\n\r\n"), 2 * SHORT.waitMs, socket).unref();
    expect(await proof(late, late, SHORT)).toEqual([
      ["unproven", `accepted a connection and did not answer ${GET} in time`],
    ]);
  });

  test("when the process had no CPU from its first connection until the time is over", async () => {
    const { port } = await service(silent, TOKEN_REQUIRED);
    const wayTo = (): Promise<Way> => Promise.resolve({ kind: "only" });
    const proven = prove([HERE], { waitMs: 200, port, wayTo });
    // Node connects meanwhile, and sees nothing of it.
    for (let tick = 0; tick < 10; tick += 1) await new Promise((resolve) => process.nextTick(resolve));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
    expect(await proven).toMatchObject([{ kind: "unproven" }]);
  });

  test("of an address that is out of reach, unless that was so for the whole pod before the tries began", async () => {
    // The kernel sends nothing there.
    const nowhere = "255.255.255.255";
    const ways: readonly Way[] = [
      { kind: "none" },
      { kind: "one of several", said: "over one interface" },
      { kind: "only" },
    ];
    const verdicts = await Promise.all(
      ways.map(async (way) => prove([nowhere], { ...NEVER, wayTo: () => Promise.resolve(way) })),
    );
    expect(verdicts.map(([verdict]) => verdict?.kind)).toEqual(["held", "unproven", "held"]);
    expect(verdicts[1]?.[0]?.said).toBe(
      `${nowhere} port 80 is out of reach (ENETUNREACH) over one interface`,
    );
  });
});

test("a proof asks as an SDK does, each question twice, and for a token that lives a second", async () => {
  const { port, asked } = await service(resets, resets);
  await prove([HERE], { ...NEVER, port });
  const host = `Host: ${HERE}`;
  const put = [`${PUT} HTTP/1.1`, host, "X-aws-ec2-metadata-token-ttl-seconds: 1", "Content-Length: 0"];
  const requests = [put, [`${GET} HTTP/1.1`, host]].map((lines) =>
    [...lines, "Connection: close", "", ""].join("\r\n"),
  );
  expect(asked.toSorted()).toEqual([...requests, ...requests].toSorted());
});

test("a proof leaves no connection and no timer", async () => {
  const { port } = await service(says("HTTP/1.1 200 OK\r\n\r\n"), silent);
  const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  await prove([HERE], { ...NEVER, port });
  expect(process.getActiveResourcesInfo().filter((name) => name === "Timeout")).toHaveLength(before);
});
