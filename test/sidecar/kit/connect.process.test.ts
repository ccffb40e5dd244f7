import { connect } from "node:net";
import { Worker } from "node:worker_threads";
import { expect, onTestFinished, test } from "vitest";
import type { PostError, PostFailure } from "../../../sidecar/kit/post-error.ts";
import { post } from "../../../sidecar/kit/post.ts";

/** A server that never accepts: its thread waits, and the kernel keeps two connections for it, no more. */
const DEAF = `
const { createServer } = require("node:net");
const { parentPort } = require("node:worker_threads");
const server = createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0), 50);
});`;

async function fullPort(): Promise<number> {
  const worker = new Worker(DEAF, { eval: true });
  onTestFinished(async () => void (await worker.terminate()));
  const port = await new Promise<number>((resolve) => {
    worker.once("message", resolve);
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (let held = 0; held < 4; held += 1) {
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    onTestFinished(() => void socket.destroy());
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  return port;
}

const call = (origin: string, connectMs: number): Promise<PostFailure> =>
  post({ url: origin, headers: {}, body: "", timeoutMs: 5000, connectMs }, () => {}).then(
    () => {
      throw new Error("connected");
    },
    (error: unknown) => (error as PostError).failure,
  );

test.each(["http", "https"])(
  "a call over %s is late when no connection comes about in time",
  async (scheme) => {
    const origin = `${scheme}://127.0.0.1:${await fullPort()}`;
    expect(await call(origin, 200)).toEqual({ kind: "late", afterMs: 200, at: "origin" });
  },
);

test("a hundred calls that are given up while they connect leave no socket", async () => {
  const origin = `http://127.0.0.1:${await fullPort()}`;
  const sockets = (): number =>
    process.getActiveResourcesInfo().filter((one) => /^TCP(?:Socket|Connect)Wrap$/.test(one)).length;
  const before = sockets();
  await Promise.all(Array.from({ length: 100 }, () => call(origin, 50)));
  await expect.poll(sockets).toBe(before);
});
