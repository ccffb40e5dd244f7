import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { build } from "../../../.ci/build.ts";
import { certificateAuthority, validFor } from "../../../injector/tls/certificates.ts";
import { fakeApiServer } from "../../support/fake-api-server.ts";
import { HEAVY } from "../../support/heavy-json.ts";
import { IMAGE_ENV } from "../../support/image-env.ts";
import { injectorProcess, type InjectorProcess } from "../../support/injector-process.ts";
import { memoryLimit } from "../../support/memory-limit.ts";
import { account, ACCOUNTS, namespace, NAMESPACES } from "../cluster/kubernetes-rig.ts";
import { pod } from "../../support/pods.ts";
import { until } from "../../support/until.ts";
import { reviewText } from "../../support/webhook.ts";

/**
 * What any pod that reaches the webhook's port can do to the injector's memory. The program is the one in the image, with
 * the image's variables and the memory limit of the chart, where this machine lets a test set one.
 */

const MIB = 1024 * 1024;
const LIMIT = 320 * MIB;
const PEER_MS = 30_000;

const dist = mkdtempSync(join(tmpdir(), "podrole-dist-"));
const program = join(dist, "injector.mjs");
beforeAll(() => build(dist, "injector"));
afterAll(() => rmSync(dist, { recursive: true }));

interface Attacked extends InjectorProcess {
  /** Stops and restores the answers of the API server to look-ups. */
  readonly hang: () => void;
  readonly answer: () => void;
}

/** An injector that follows a cluster with one namespace. */
async function injector(): Promise<Attacked> {
  const api = await fakeApiServer();
  api.put(NAMESPACES, namespace("shop"));
  api.put(ACCOUNTS, account("default"));
  const limit = memoryLimit(LIMIT);
  const started = await injectorProcess(
    api,
    await certificateAuthority("test", validFor(1, Date.now())),
    [],
    {
      program,
      before: limit?.command ?? [],
      env: { ...IMAGE_ENV, ...(limit === undefined ? { NODE_OPTIONS: WITHOUT_GROUP } : {}) },
    },
  );
  return {
    ...started,
    hang: () => api.answer("GET", "hang"),
    answer: () => api.answer("GET", undefined),
  };
}

/** Half of the limit, as the image's percentage gives it. */
const WITHOUT_GROUP = `--max-semi-space-size=4 --max-old-space-size=${LIMIT / 2 / MIB}`;

const REVIEW = reviewText(JSON.stringify(pod()));

/** The most memory that it has ever had, in bytes, if it is alive and decides about a pod. */
async function peakOf({ pid, port, output }: Attacked): Promise<number> {
  const answered = await until(
    "an answer",
    () => exchange(port, "127.0.0.99", REVIEW).catch(() => undefined),
    PEER_MS,
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${output().slice(-2000)}`);
  });
  expect(answered).toContain('"allowed":true');
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

const open = (port: number, localAddress: string): TLSSocket => {
  const from: object = { localAddress };
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...from });
  onTestFinished(() => void socket.destroy());
  return socket.on("error", () => {});
};

const head = (length: number): string =>
  `POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${length}\r\n\r\n`;

/** Sends a body. @returns what comes back until the connection ends */
async function exchange(port: number, from: string, body: string): Promise<string> {
  const socket = open(port, from);
  let said = "";
  socket.on("data", (data) => (said += String(data)));
  socket.write(head(Buffer.byteLength(body)));
  socket.write(body);
  await once(socket, "close");
  if (said === "") throw new Error("no answer");
  return said;
}

const EMPTY_OBJECTS = (bytes: number): string => `{"x":[${"{},".repeat(bytes / 3)}{}]}`;

test("one request of 8.37 MB of empty objects does not end the injector", async () => {
  const one = await injector();
  expect(await exchange(one.port, "127.0.0.2", EMPTY_OBJECTS(8_370_000))).toMatch(/^HTTP\/1.1 413 /);
  expect(await peakOf(one)).toBeLessThan(LIMIT);
});

test("200 connections with 64 kB each that end at once do not end the injector", async () => {
  const one = await injector();
  const body = EMPTY_OBJECTS(64_000);
  const sockets = Array.from({ length: 200 }, () => open(one.port, "127.0.0.2"));
  await Promise.all(sockets.map((socket) => once(socket, "secureConnect")));
  for (const socket of sockets) socket.write(head(body.length) + body.slice(0, -1));
  await delay(1000);
  for (const socket of sockets) socket.write(body.slice(-1));
  expect(await peakOf(one)).toBeLessThan(LIMIT);
});

test("120 connections whose bodies never end do not end the injector", async () => {
  const one = await injector();
  for (const address of ["127.0.0.2", "127.0.0.3"]) {
    for (let n = 0; n < 60; n += 1) open(one.port, address).write(head(8_000_000) + EMPTY_OBJECTS(600_000));
  }
  await delay(3000);
  expect(await peakOf(one)).toBeLessThan(LIMIT);
});

test("heavy reviews of every kind that wait for a look-up do not end the injector", async () => {
  const one = await injector();
  one.hang();
  const bodies = Object.values(HEAVY).flatMap((make) =>
    [30_000, 300_000, 2_000_000].map((bytes) =>
      reviewText(`{"spec":{"serviceAccountName":"young","x":${make(bytes)}}}`),
    ),
  );
  const answers = [...bodies, ...bodies].map((body, n) =>
    exchange(one.port, `127.0.0.${2 + (n % 8)}`, body).catch(() => ""),
  );
  await Promise.race([Promise.all(answers), delay(10_000)]);
  one.answer();
  expect(await peakOf(one)).toBeLessThan(LIMIT);
});

test("clients that leave while their heavy reviews wait do not end the injector", async () => {
  const one = await injector();
  one.hang();
  const body = reviewText(`{"spec":{"serviceAccountName":"young","x":${EMPTY_OBJECTS(1_500_000)}}}`);
  for (let n = 0; n < 60; n += 1) {
    const socket = open(one.port, `127.0.0.${2 + (n % 8)}`);
    socket.write(head(body.length));
    socket.write(body, () => setTimeout(() => socket.destroy(), 300));
  }
  await delay(4000);
  one.answer();
  expect(await peakOf(one)).toBeLessThan(LIMIT);
});
