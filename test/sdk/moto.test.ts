import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ENV } from "../../sidecar/contract/env.ts";
import { APP_ENV, LOOPBACK, PATH } from "../../sidecar/contract/pod.ts";
import type { Env } from "../../sidecar/kit/env.ts";
import { child, runChild, sidecar } from "../support/child.ts";
import { freePort } from "../support/free-port.ts";
import { http } from "../support/http.ts";
import { hashOf, podIdentity, sidecarEnv } from "../support/sidecar-env.ts";
import { tempFile } from "../support/temp-files.ts";
import { until } from "../support/until.ts";
import { startMoto, unsignedJwt } from "./moto.ts";
import { BOTO3_CLIENT, canImport, PYTHON } from "./python.ts";

/** moto keeps what its STS granted and knows the caller of a later call by the key: a second opinion on the whole path. */
const ROLE = "arn:aws:iam::123456789012:role/billing-reader";
const SESSION = "arn:aws:sts::123456789012:assumed-role/billing-reader/billing.api-0";
const TOKEN = randomBytes(32).toString("base64url");
const JS_CLIENT = fileURLToPath(new URL("../support/sdk-client.ts", import.meta.url));

const hasMoto = canImport("moto.server");
const hasBoto3 = canImport("boto3");

describe.skipIf(!hasMoto)("against moto's STS (python package moto[server])", () => {
  let moto: Awaited<ReturnType<typeof startMoto>>;
  beforeAll(async () => {
    moto = await startMoto();
  });
  afterAll(() => moto.stop());

  test("web-identity: the AWS SDK for JavaScript is the pod's role", async () => {
    const app = await podOf(moto.url, { [ENV.webIdentityTokenFile]: tempFile(unsignedJwt()) });
    expect(await identity(child([JS_CLIENT, moto.url], app))).toEqual({ arn: SESSION });
  });

  test("ambient: the AWS SDK for JavaScript is the pod's role, its tags and external id taken", async () => {
    const step = { roleArn: ROLE, externalId: "xyz", tags: { "kubernetes-pod-name": "{pod}" } };
    const app = await podOf(moto.url, {
      [ENV.source]: "ambient",
      ...podIdentity([step], hashOf(TOKEN)),
      AWS_ACCESS_KEY_ID: "AKIAAMBIENT",
      AWS_SECRET_ACCESS_KEY: "secret",
    });
    expect(await identity(child([JS_CLIENT, moto.url], app))).toEqual({ arn: SESSION });
  });

  test("chained: from the token over a hub to the pod's role", async () => {
    const steps = [{ roleArn: "arn:aws:iam::123456789012:role/hub" }, { roleArn: ROLE }];
    const app = await podOf(moto.url, {
      ...podIdentity(steps, hashOf(TOKEN)),
      [ENV.webIdentityTokenFile]: tempFile(unsignedJwt()),
    });
    expect(await identity(child([JS_CLIENT, moto.url], app))).toEqual({ arn: SESSION });
  });

  test.skipIf(!hasBoto3)("web-identity: boto3 is the pod's role", async () => {
    const app = await podOf(moto.url, { [ENV.webIdentityTokenFile]: tempFile(unsignedJwt()) });
    expect(await identity(runChild(PYTHON, ["-c", BOTO3_CLIENT, moto.url], app))).toEqual({ arn: SESSION });
  });

  test.skipIf(!hasBoto3)("boto3 with a wrong token gets nothing", async () => {
    const app = await podOf(moto.url, { [ENV.webIdentityTokenFile]: tempFile(unsignedJwt()) });
    const client = runChild(PYTHON, ["-c", BOTO3_CLIENT, moto.url], { ...app, [APP_ENV.token]: "guess" });
    expect(await client.exited).toBe(1);
    expect(client.output()).toContain("TOKEN_WRONG");
  });
});

/** Runs a sidecar until it is ready. @returns the environment that its pod's containers are given, and nothing more */
async function podOf(stsEndpoint: string, over: Env): Promise<Record<string, string>> {
  const [port, healthPort] = await Promise.all([freePort(), freePort()]);
  const serving = sidecar(["serve"], {
    ...sidecarEnv(),
    ...podIdentity([{ roleArn: ROLE }], hashOf(TOKEN)),
    [ENV.stsEndpoint]: stsEndpoint,
    [ENV.port]: String(port),
    [ENV.healthPort]: String(healthPort),
    ...over,
  });
  await until("readiness", async () => {
    const answered = await http(healthPort, PATH.readyz).catch(() => undefined);
    return answered?.status === 200 ? true : undefined;
  }).catch((error: unknown) => {
    throw new Error(serving.output(), { cause: error });
  });
  return {
    [APP_ENV.fullUri]: `http://${LOOPBACK}:${port}${PATH.credentials}`,
    [APP_ENV.token]: TOKEN,
    [APP_ENV.region]: "eu-west-1",
    [APP_ENV.defaultRegion]: "eu-west-1",
    [APP_ENV.stsRegionalEndpoints]: "regional",
    [APP_ENV.metadataDisabled]: "true",
  };
}

async function identity(client: ReturnType<typeof child>): Promise<unknown> {
  expect({ code: await client.exited, output: client.output() }).toMatchObject({ code: 0 });
  return JSON.parse(client.output());
}
