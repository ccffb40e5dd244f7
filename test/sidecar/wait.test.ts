import { createServer } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { ENV } from "../../sidecar/contract/env.ts";
import { CodedError } from "../../sidecar/kit/errors.ts";
import { waitMain } from "../../sidecar/wait.ts";
import { freePort } from "../support/free-port.ts";
import { handClock } from "../support/hand-clock.ts";
import { thrown } from "../support/thrown.ts";

/** A sidecar's health port that answers with these, by path. */
async function healthPort(status: Readonly<Record<string, number>>, port = 0): Promise<string> {
  const server = createServer((request, response) => {
    response.writeHead(status[request.url ?? ""] ?? 404).end("\n");
  });
  onTestFinished(() => void server.close());
  return new Promise((resolve) => {
    server.listen({ port, host: "127.0.0.1" }, () => {
      const address = server.address();
      resolve(String(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

test("the start hook returns once there are credentials", async () => {
  const port = await healthPort({ "/readyz": 200 });
  expect(await waitMain({ [ENV.healthPort]: port })).toBe(0);
});

test("the start hook returns as soon as the sidecar listens, with start=now", async () => {
  const port = await healthPort({ "/readyz": 503, "/healthz": 200 });
  expect(await waitMain({ [ENV.healthPort]: port, [ENV.start]: "now" })).toBe(0);
});

test("the start hook keeps asking while the sidecar does not listen yet", async () => {
  const port = await freePort();
  const waiting = waitMain({ [ENV.healthPort]: String(port) });
  await healthPort({ "/readyz": 200 }, port);
  expect(await waiting).toBe(0);
});

test("the start hook gives up five seconds after the sidecar", async () => {
  const port = await healthPort({ "/readyz": 503 });
  const clock = handClock();
  const env = { [ENV.healthPort]: port, [ENV.startTimeoutSeconds]: "10" };
  const start = clock.elapsed();
  const gaveUp = thrown(() => waitMain(env, { ...clock, sleep: (ms) => clock.advance(ms) }));
  expect(await gaveUp).toMatchObject({ code: "WAIT_TIMED_OUT", message: expect.stringContaining("/readyz") });
  expect(clock.elapsed() - start).toBe(15_000);
});

test("the start hook gives up root before anything else, in a container that starts as root", async () => {
  const port = await healthPort({ "/readyz": 200 });
  const became: number[] = [];
  const env = { [ENV.healthPort]: port, [ENV.sidecarUid]: "51234" };
  expect(await waitMain(env, handClock(), (uid) => void became.push(uid))).toBe(0);
  expect(became).toEqual([51_234]);
});

test("the start hook does not look at its other variables when it cannot give up root", async () => {
  const env = { [ENV.healthPort]: "none", [ENV.sidecarUid]: "51234" };
  const refusing = (): never => {
    throw new CodedError("PRIVILEGES_KEPT", "no");
  };
  expect(await thrown(() => waitMain(env, handClock(), refusing))).toMatchObject({ code: "PRIVILEGES_KEPT" });
});
