import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { stsStandIn } from "../../../injector/cli/demo/aws/sts.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import { sidecar } from "../../support/child.ts";
import { freePort } from "../../support/free-port.ts";
import { http } from "../../support/http.ts";
import { hashOf, podIdentity, sidecarEnv } from "../../support/sidecar-env.ts";
import { until } from "../../support/until.ts";

/** What any container of the pod can do to the sidecar, with the image's heap: it has no need of a token for it. */

const TOKEN = "the-app's-own-token";
const WEB_TOKEN = "header.payload.signature";

async function running() {
  const folder = await mkdtemp(join(tmpdir(), "podrole-"));
  const tokenFile = join(folder, "token");
  await writeFile(tokenFile, WEB_TOKEN);
  const identity = { subject: "system:serviceaccount:billing:reader", audience: "sts.amazonaws.com" };
  const sts = await stsStandIn({ tokens: { [WEB_TOKEN]: identity } });
  onTestFinished(() => sts.close());
  onTestFinished(() => rm(folder, { recursive: true }));
  const [port, healthPort] = await Promise.all([freePort(), freePort()]);
  const child = sidecar(["serve"], {
    ...sidecarEnv(),
    [ENV.port]: String(port),
    [ENV.healthPort]: String(healthPort),
    [ENV.stsEndpoint]: sts.url,
    [ENV.webIdentityTokenFile]: tokenFile,
    ...podIdentity(undefined, hashOf(TOKEN)),
    NODE_OPTIONS: "--max-semi-space-size=1 --max-old-space-size=64",
  });
  const served = (): Promise<number | undefined> =>
    http(port, "/v1/credentials", { authorization: TOKEN }).then(
      ({ status }) => status,
      () => undefined,
    );
  await until("credentials", async () => ((await served()) === 200 ? true : undefined));
  return { child, port, healthPort, served };
}

/** Opens connections that send these bytes and read nothing. */
function flood(port: number, count: number, bytes: string): void {
  const sockets = Array.from({ length: count }, () => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", () => undefined).pause();
    socket.write(bytes, "latin1");
    return socket;
  });
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
}

const GET = "GET /v1/credentials HTTP/1.1\r\nHost: localhost\r\n";

test.each([
  ["ask for credentials without end", `${GET}\r\n`.repeat(2000), "port"],
  ["keep asking for metrics", "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(2000), "healthPort"],
  ["expect something without end", `${GET}Expect: something\r\n\r\n`.repeat(2000), "port"],
  ["send headers of one letter without end", `${GET}${"a:\r\n".repeat(8000)}`, "port"],
  ["send a body that nobody wants", `${GET}Content-Length: 100000000\r\n\r\n${"x".repeat(60_000)}`, "port"],
] as const)(
  "1,000 connections that %s, and read nothing, do not end the sidecar",
  async (_, bytes, which) => {
    const { child, served, ...ports } = await running();
    flood(ports[which], 1000, bytes);
    await delay(500);
    await until("credentials meanwhile", async () => ((await served()) === 200 ? true : undefined), 60_000);
    child.kill("SIGTERM");
    expect({ ended: await child.exited, output: child.output() }).toMatchObject({ ended: 0 });
  },
);
