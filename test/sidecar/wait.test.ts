import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { ENV } from "../../sidecar/contract/env.ts";
import { CodedError, oneLine } from "../../sidecar/kit/errors.ts";
import { startMark } from "../../sidecar/start-mark.ts";
import { waitMain } from "../../sidecar/wait.ts";
import { freePort } from "../support/free-port.ts";
import { handClock } from "../support/hand-clock.ts";
import { tempFolder } from "../support/temp-files.ts";
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

describe("in a pod that has started before, all of whose containers may have been restarted, the start hook", () => {
  function hook(port: string) {
    const folder = tempFolder();
    mkdirSync(join(folder, "shm"));
    const env = {
      [ENV.healthPort]: port,
      [ENV.terminationLog]: join(folder, "termination-log"),
      [ENV.podUid]: "1",
    };
    writeFileSync(env[ENV.terminationLog], "");
    startMark(env).set();
    const clock = handClock();
    const start = clock.elapsed();
    const sleep = (ms: number): Promise<void> => clock.advance(ms);
    return { wait: () => waitMain(env, { ...clock, sleep }), waited: () => clock.elapsed() - start };
  }

  test("returns once there are credentials", async () => {
    let asked = 0;
    const port = await healthPort({
      "/healthz": 200,
      get "/readyz"() {
        asked += 1;
        return asked > 3 ? 200 : 503;
      },
    });
    const { wait, waited } = hook(port);
    expect(await wait()).toBe(0);
    expect({ asked, waited: waited() }).toEqual({ asked: 4, waited: 75 });
  });

  test("returns five seconds later if there are none, since the app may run and needs the kubelet's care", async () => {
    const { wait, waited } = hook(await healthPort({ "/readyz": 503, "/healthz": 200 }));
    expect(await wait()).toBe(0);
    expect(waited()).toBe(5000);
  });
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

test("the start hook gives up 35 seconds after its start when nothing else is set", async () => {
  const clock = handClock();
  const start = clock.elapsed();
  const env = { [ENV.healthPort]: String(await freePort()) };
  await thrown(() => waitMain(env, { ...clock, sleep: (ms) => clock.advance(ms) }));
  expect(clock.elapsed() - start).toBe(35_000);
});

const REFUSAL =
  "AccessDenied: STS refused AssumeRole for arn:aws:iam::1:role/x: No. Check that the role exists.";

test.each([
  ["while it still answers", { "/readyz": 503 }],
  ["before it has listened", undefined],
])("the start hook ends at once with the sidecar's own words when it gives up %s", async (_, answers) => {
  const terminationLog = join(tempFolder(), "termination-log");
  writeFileSync(terminationLog, "");
  const port = answers === undefined ? String(await freePort()) : await healthPort(answers);
  const clock = handClock();
  let polls = 0;
  const sleep = async (ms: number): Promise<void> => {
    polls += 1;
    if (polls === 3) writeFileSync(terminationLog, REFUSAL);
    await clock.advance(ms);
  };
  const env = { [ENV.healthPort]: port, [ENV.terminationLog]: terminationLog };
  const error = await thrown(() => waitMain(env, { ...clock, sleep }));
  expect(error).toMatchObject({ code: "AccessDenied" });
  expect(oneLine(error)).toBe(REFUSAL);
  expect(polls).toBe(3);
});

test("the start hook ends at once when a sidecar that has listened does so no more, with or without a message", async () => {
  const server = createServer((_, response) => void response.writeHead(503).end());
  await once(server.listen({ port: 0, host: "127.0.0.1" }), "listening");
  const { port } = server.address() as AddressInfo;
  const clock = handClock();
  let polls = 0;
  const sleep = async (ms: number): Promise<void> => {
    polls += 1;
    if (polls === 3) await new Promise((resolve) => void server.close(resolve));
    await clock.advance(ms);
  };
  const error = await thrown(() => waitMain({ [ENV.healthPort]: String(port) }, { ...clock, sleep }));
  expect(error).toMatchObject({ code: "SIDECAR_ENDED" });
  expect(polls).toBe(3);
});
