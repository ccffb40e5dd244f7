import { spawn } from "node:child_process";
import { once } from "node:events";
import { randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import type { TokenMode } from "../../injector/model/token-mode.ts";
import { random } from "../../injector/mutate/fresh.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { COMMAND, CONTAINER, PATH, TOKEN_VOLUME } from "../../sidecar/contract/pod.ts";
import { imdsStandIn, type ImdsStandIn } from "../../injector/cli/demo/aws/imds.ts";
import { config } from "../support/config.ts";
import { facts } from "../support/facts.ts";
import { http } from "../support/http.ts";
import { injected, pod } from "../support/pods.ts";
import { until } from "../support/until.ts";
import { frontOf, type Front } from "./front.ts";
import { volumesOf } from "./volumes.ts";

const ROLE = "arn:aws:iam::123456789012:role/billing-reader";
/** The identity of an app of these pods at STS. */
export const SESSION = "arn:aws:sts::123456789012:assumed-role/billing-reader/shop.web-5d5f-x7f2q";

export interface Setting {
  readonly moto: string;
  /** How long a session lasts; absent: as long as the sidecar asked for. */
  readonly lifetimeSeconds?: number;
  /** How the app gets its token; absent: as podrole's default has it. */
  readonly token?: TokenMode;
  /** STS is down from the start, so that the sidecar has no session. */
  readonly isOut?: boolean;
  readonly onTestFinished: (undo: () => Promise<void>) => void;
}

export interface RunningPod {
  readonly front: Front;
  /** In place of EC2's metadata service; it hands out the node's role. */
  readonly metadata: ImdsStandIn;
  /** The variables that the injector has put on the app's container. */
  readonly app: Readonly<Record<string, string>>;
  /** The way to the services that the app calls, and to the metadata service's stand-in. */
  readonly surroundings: Readonly<Record<string, string>>;
  /** Kills the sidecar like a crash: SIGKILL. */
  readonly killSidecar: () => Promise<void>;
  readonly startSidecar: () => Promise<void>;
  readonly ready: () => Promise<void>;
  /** Another file with this content. */
  readonly file: (content: string) => string;
  /** Replaces the token in the file twice, and lets the sidecar see each, so that the first is good no more. */
  readonly rotate: () => Promise<void>;
  /** How often the current sidecar process has answered with this status. */
  readonly answers: (status: number) => Promise<number>;
}

/** A pod as the real injector makes it, with the real sidecar as a process. */
export async function runPod(setting: Setting): Promise<RunningPod> {
  const { onTestFinished } = setting;
  const front = await frontOf(setting.moto, setting.lifetimeSeconds);
  onTestFinished(front.close);
  front.outage(setting.isOut === true);
  const metadata = await imdsStandIn({ role: "node", keys: nodeKeys });
  onTestFinished(metadata.close);
  const home = await mkdtemp(join(tmpdir(), "podrole-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));

  const credentialsPort = await lowPort();
  const healthPort = await lowPort();
  const { token = "both" } = setting;
  const after = injected(
    // Clients are also run while there are no credentials: an app that waits for them would not run then.
    pod({}, { [ANNOTATION.role]: ROLE, [ANNOTATION.region]: "eu-west-1", [ANNOTATION.start]: "now" }),
    facts(),
    // The guard needs a network namespace; its own suite has one.
    config({ policy: "off", guard: "off", stsEndpoint: front.url, credentialsPort, healthPort, token }),
    random,
  );
  const volumes = volumesOf(after, home);
  const sidecar = {
    ...volumes.envOf(CONTAINER.sidecar),
    [ENV.webIdentityTokenFile]: join(home, TOKEN_VOLUME.name, TOKEN_VOLUME.file),
    [ENV.terminationLog]: join(home, "termination-log"),
  };
  let running = startProcess(sidecar);
  const listening = () =>
    until("the sidecar to listen", () => http(healthPort, PATH.healthz).catch(() => undefined), 30_000);
  onTestFinished(() => running.kill());
  const withLog = (work: Promise<unknown>): Promise<void> =>
    work.then(
      () => undefined,
      (error: unknown) => {
        throw new Error(running.output(), { cause: error });
      },
    );
  await withLog(listening());

  const runningPod: RunningPod = {
    front,
    metadata,
    app: volumes.envOf("app"),
    surroundings: {
      AWS_ENDPOINT_URL_STS: front.url,
      AWS_ENDPOINT_URL_S3: front.url,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url,
      PATH: process.env["PATH"] ?? "",
      HOME: home,
    },
    killSidecar: () => running.kill(),
    startSidecar: () => {
      running = startProcess(sidecar);
      return withLog(listening());
    },
    ready: () => withLog(untilReady(healthPort)),
    file: (content) => {
      const path = join(home, "file");
      writeFileSync(path, content);
      return path;
    },
    rotate: async () => {
      for (let time = 0; time < 2; time += 1) {
        volumes.rotate();
        await http(credentialsPort, PATH.credentials, { authorization: "unknown" });
      }
    },
    answers: async (status) => {
      const { body } = await http(healthPort, PATH.metrics);
      const counted = new RegExp(
        `^podrole_credential_requests_total\\{code="${status}"\\} (\\d+)$`,
        "m",
      ).exec(body);
      return Number(counted?.[1] ?? 0);
    },
  };
  if (setting.isOut !== true) await runningPod.ready();
  return runningPod;
}

async function untilReady(healthPort: number): Promise<void> {
  await until(
    "credentials to be held",
    async () => {
      const answered = await http(healthPort, PATH.readyz).catch(() => undefined);
      return answered?.status === 200 ? true : undefined;
    },
    60_000,
  );
}

const MAIN = fileURLToPath(new URL("../../sidecar/main.ts", import.meta.url));

interface Process {
  readonly output: () => string;
  readonly kill: () => Promise<void>;
}

function startProcess(env: Readonly<Record<string, string>>): Process {
  const argv = [MAIN, ...COMMAND.serve.slice(1)];
  const sidecar = spawn(process.execPath, argv, { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [sidecar.stdout, sidecar.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = once(sidecar, "exit");
  return {
    output: () => output,
    kill: async () => {
      sidecar.kill("SIGKILL");
      await ended;
    },
  };
}

/** Unknown to STS: a client that signs with them has fallen through to the node. */
const nodeKeys = () => ({
  accessKeyId: "ASIAOFTHENODE",
  secretAccessKey: "secret",
  sessionToken: "token",
  expiresAt: Date.now() + 3_600_000,
});

/** Pods start in parallel, and a port is free until its sidecar listens. */
const given = new Set<number>();

/** Below the ephemeral range, so that no connection of another test takes the port while a sidecar is down. */
async function lowPort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    if (given.has(port)) continue;
    given.add(port);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen({ port, host: "127.0.0.1" }, () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => {
      server.close(resolve);
    });
    return port;
  }
}
