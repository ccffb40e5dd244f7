import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { stsStandIn, type StsStandIn, type StsStandInOptions } from "../../injector/cli/demo/aws/sts.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import type { Env } from "../../sidecar/kit/env.ts";
import { sidecar, type Child } from "./child.ts";
import { freePort } from "./free-port.ts";
import { http } from "./http.ts";
import { sidecarEnv } from "./sidecar-env.ts";
import { until } from "./until.ts";

const WEB_TOKEN = "header.payload.signature";

export interface ImdsPod {
  readonly sts: StsStandIn;
  readonly sidecar: Child;
  readonly imdsPort: number;
  readonly healthPort: number;
}

/** The sidecar of a pod with an emulated metadata service, before an STS that grants every role. Ends with the test. */
export async function imdsPod(over: Env = {}, options: StsStandInOptions = {}): Promise<ImdsPod> {
  const folder = await mkdtemp(join(tmpdir(), "podrole-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const tokenFile = join(folder, "token");
  await writeFile(tokenFile, WEB_TOKEN);
  const identity = { subject: "system:serviceaccount:billing:reader", audience: "sts.amazonaws.com" };
  const sts = await stsStandIn({ tokens: { [WEB_TOKEN]: identity }, ...options });
  onTestFinished(() => sts.close());
  const [port, healthPort, imdsPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const env: Env = {
    ...sidecarEnv(),
    [ENV.imds]: "emulate",
    [ENV.port]: String(port),
    [ENV.healthPort]: String(healthPort),
    [ENV.imdsPort]: String(imdsPort),
    [ENV.stsEndpoint]: sts.url,
    [ENV.webIdentityTokenFile]: tokenFile,
    [ENV.terminationLog]: join(folder, "termination-log"),
    [ENV.logLevel]: "trace",
    ...over,
  };
  return { sts, sidecar: sidecar(["serve"], env), imdsPort, healthPort };
}

/** Until `/readyz` says so, or has `answer` in its body. */
export const readiness = ({ healthPort }: ImdsPod, answer = "ok"): Promise<true> =>
  until(`readiness: ${answer}`, () =>
    http(healthPort, "/readyz").then(
      ({ body }) => (body.includes(answer) ? true : undefined),
      () => undefined,
    ),
  );
