import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { ENV } from "../../../sidecar/contract/env.ts";
import { build } from "../../../.ci/build.ts";
import { OWN_RESOURCES } from "../../../injector/model/own-resources.ts";
import { quantityOf } from "../../../injector/model/quantity.ts";
import { CONTAINER } from "../../../sidecar/contract/pod.ts";
import { runChild } from "../../support/child.ts";
import { SIDECAR_IMAGE_ENV } from "../../support/image-env.ts";
import { memoryLimit } from "../../support/memory-limit.ts";
import { http } from "../../support/http.ts";
import { until } from "../../support/until.ts";
import { flood } from "../../support/flood.ts";
import { sidecarPod, TOKEN } from "../../support/sidecar-pod.ts";

/**
 * What any container of the pod can do to the sidecar: it has no need of a token for it. The program is the one in the image, with
 * the image's variables and the memory limit of the pod, where this machine lets a test set one.
 */

const LIMIT = quantityOf(OWN_RESOURCES[CONTAINER.sidecar].limits.memory);

const dist = mkdtempSync(join(tmpdir(), "podrole-dist-"));
beforeAll(() => build(dist, "sidecar"));
afterAll(() => rmSync(dist, { recursive: true }));

/** @param before words that the command line begins with */
async function running(before: readonly string[] = []) {
  const { env, port, healthPort } = await sidecarPod({
    [ENV.logLevel]: "info",
    ...SIDECAR_IMAGE_ENV,
  });
  const limit = memoryLimit(LIMIT);
  const program = [process.execPath, join(dist, "sidecar.cjs"), "serve"];
  const [first = "", ...words] = [...(limit?.command ?? []), ...before, ...program];
  const child = runChild(first, words, env);
  const served = (): Promise<number | undefined> =>
    http(port, "/v1/credentials", { authorization: TOKEN }).then(
      ({ status }) => status,
      () => undefined,
    );
  await until("credentials", async () => ((await served()) === 200 ? true : undefined));
  return { child, port, healthPort, served };
}

const GET = "GET /v1/credentials HTTP/1.1\r\nHost: localhost\r\n";

test.each([
  // 2,600 of them in each read of Node's.
  ["ask without end in the fewest bytes", "GET / HTTP/1.1\r\nHost:\r\n\r\n".repeat(5000), "port"],
  ["ask for credentials without end", `${GET}\r\n`.repeat(2000), "port"],
  ["keep asking for metrics", "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(2000), "healthPort"],
  ["expect something without end", `${GET}Expect: something\r\n\r\n`.repeat(2000), "port"],
  ["send headers of one letter without end", `${GET}${"a:\r\n".repeat(8000)}`, "port"],
  ["send a body that nobody wants", `${GET}Content-Length: 100000000\r\n\r\n${"x".repeat(60_000)}`, "port"],
] as const)(
  "1,000 connections that %s, and read nothing, do not end the sidecar",
  async (_, bytes, which) => {
    const { child, served, ...ports } = await running();
    flood(1000, () => connect({ host: "127.0.0.1", port: ports[which] }), bytes);
    await delay(500);
    await until("credentials meanwhile", async () => ((await served()) === 200 ? true : undefined), 60_000);
    child.kill("SIGTERM");
    expect({ ended: await child.exited, output: child.output() }).toMatchObject({ ended: 0 });
  },
);

test("1,000 clients that send 500 requests at once are each answered once, and so is whoever comes between them", async () => {
  const { port, served } = await running();
  const request = `${GET}Authorization: ${TOKEN}\r\n\r\n`;
  const answersTo = async (): Promise<readonly string[]> => {
    const socket = connect({ host: "127.0.0.1", port });
    onTestFinished(() => void socket.destroy());
    let received = "";
    socket.on("error", () => undefined).on("data", (bytes) => (received += String(bytes)));
    socket.write(request.repeat(500));
    await once(socket, "close");
    // One that came with too many others was closed before its request was read, and tries again as SDKs do.
    return received.match(/HTTP\/1\.1 \d+/g) ?? answersTo();
  };
  const answers = Promise.all(Array.from({ length: 1000 }, answersTo));
  expect(await served()).toBe(200);
  expect(new Set((await answers).map(String))).toEqual(new Set(["HTTP/1.1 200"]));
});

test("connections that take all file descriptors of the sidecar do not end it, and it serves when they are gone", async () => {
  const few = ["/bin/sh", "-c", 'ulimit -n 100 && exec "$@"', "sh"];
  const { child, port, healthPort, served } = await running(few);
  for (const target of [port, healthPort])
    flood(100, () => connect({ host: "127.0.0.1", port: target }), "GET ");
  await until("a refusal", async () => ((await served()) === undefined ? true : undefined));
  await until("credentials", async () => ((await served()) === 200 ? true : undefined), 60_000);
  child.kill("SIGTERM");
  expect({ ended: await child.exited, output: child.output() }).toMatchObject({ ended: 0 });
});
