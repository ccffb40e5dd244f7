import { writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { stsStandIn, type StsStandIn, type StsStandInOptions } from "../../injector/cli/demo/aws/sts.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import type { Env } from "../../sidecar/kit/env.ts";
import { BROKER_KEYS, brokerFront } from "./broker-front.ts";
import { sidecar, type Child } from "./child.ts";
import { freePort } from "./free-port.ts";
import { http } from "./http.ts";
import { brokerEnv, hashOf, podIdentity, sidecarEnv } from "./sidecar-env.ts";
import { tempFolder } from "./temp-files.ts";
import { until } from "./until.ts";

/** The app's token and the service account's token. */
export const TOKEN = "the-app's-own-token";
export const WEB_TOKEN = "header.payload-that-nobody-may-see.signature";

export interface SidecarPod {
  readonly env: Env;
  readonly sts: StsStandIn;
  readonly port: number;
  readonly healthPort: number;
  readonly terminationLog: string;
}

/** The sources that a sidecar is tried in: itself calling STS, and with a broker that does. */
export const TRIED = ["web-identity", "broker"] as const;
type Tried = (typeof TRIED)[number];

/** The surroundings of a sidecar: a token, an STS that grants every role, a termination log, two ports. Ends with the test. */
export async function sidecarPod(
  over: Env = {},
  options: StsStandInOptions = {},
  source: Tried = "web-identity",
): Promise<SidecarPod> {
  const folder = tempFolder();
  const [tokenFile, terminationLog] = [join(folder, "token"), join(folder, "termination-log")];
  writeFileSync(tokenFile, WEB_TOKEN);
  writeFileSync(terminationLog, "");
  const identity = { subject: "system:serviceaccount:billing:reader", audience: "sts.amazonaws.com" };
  const sts = await stsStandIn({
    tokens: { [WEB_TOKEN]: identity },
    keys: { [BROKER_KEYS.id]: BROKER_KEYS.owner },
    ...options,
  });
  onTestFinished(() => sts.close());
  const [port, healthPort] = await Promise.all([freePort(), freePort()]);
  const env: Env = {
    ...(source === "broker" ? brokerEnv(await brokerFront(sts, WEB_TOKEN)) : sidecarEnv()),
    [ENV.port]: String(port),
    [ENV.healthPort]: String(healthPort),
    ...(source === "broker" ? {} : { [ENV.stsEndpoint]: sts.url }),
    [ENV.webIdentityTokenFile]: tokenFile,
    [ENV.terminationLog]: terminationLog,
    ...podIdentity(undefined, hashOf(TOKEN)),
    [ENV.startTimeoutSeconds]: "60",
    [ENV.logLevel]: "trace",
    ...over,
  };
  return { env, sts, port, healthPort, terminationLog };
}

export interface ImdsPod {
  readonly sts: StsStandIn;
  readonly sidecar: Child;
  readonly imdsPort: number;
  readonly healthPort: number;
}

/** The running sidecar of a pod with an emulated metadata service. */
export async function imdsPod(
  over: Env = {},
  options: StsStandInOptions = {},
  source?: Tried,
): Promise<ImdsPod> {
  const imdsPort = await freePort();
  const emulating = { [ENV.imds]: "emulate", [ENV.imdsPort]: String(imdsPort), ...over };
  const { env, sts, healthPort } = await sidecarPod(emulating, options, source);
  return { sts, sidecar: sidecar(["serve"], env), imdsPort, healthPort };
}

/** Waits until `/readyz` reports ready, or has `answer` in its body. */
export const readiness = ({ healthPort }: Pick<SidecarPod, "healthPort">, answer = "ok"): Promise<true> =>
  until(`readiness: ${answer}`, () =>
    http(healthPort, "/readyz").then(
      ({ body }) => (body.includes(answer) ? true : undefined),
      () => undefined,
    ),
  );

/** The message that `kubectl describe pod` would show. */
export const termination = ({ terminationLog }: Pick<SidecarPod, "terminationLog">): Promise<string> =>
  readFile(terminationLog, "utf8");

/** @returns the output of a program that ended with this exit code */
export async function ended(child: Child, code: number): Promise<string> {
  // Compared together with the output, which explains a wrong exit code.
  expect({ code: await child.exited, output: child.output() }).toMatchObject({ code });
  return child.output();
}
