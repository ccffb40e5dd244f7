import { createHash, randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { fromHttp } from "@aws-sdk/credential-providers";
import { expect, onTestFinished, test } from "vitest";
import { stsStandIn, type StsStandIn } from "../../injector/cli/demo/aws/sts.ts";
import { APP_ENV, LOOPBACK, PATH } from "../../sidecar/contract/pod.ts";
import type { Credentials } from "../../sidecar/sts/credentials.ts";
import { IssueError } from "../../sidecar/sts/issue-error.ts";
import { CodedError } from "../../sidecar/kit/errors.ts";
import { Secret } from "../../sidecar/kit/secret.ts";
import { close, credentialServer, listen } from "../../sidecar/wire/server.ts";
import { child } from "../support/child.ts";
import { ROLE } from "../support/credentials.ts";
import { setEnv } from "../support/set-env.ts";

const TOKEN = randomBytes(32).toString("base64url");
const SESSION = "arn:aws:sts::123456789012:assumed-role/billing-reader/billing.api-0";
const ARCHIVE_SESSION = "arn:aws:sts::123456789012:assumed-role/billing-archive/billing.api-0";
const CLIENT = fileURLToPath(new URL("../support/sdk-client.ts", import.meta.url));

async function sts(): Promise<StsStandIn> {
  const standIn = await stsStandIn();
  onTestFinished(() => standIn.close());
  return standIn;
}

type Issue = () => Promise<Credentials>;

/** A sidecar that answers each of these tokens with a session, or with an error. @returns its port */
async function sidecar(byToken: Readonly<Record<string, Issue>>): Promise<number> {
  const identities = Object.entries(byToken).map(([token, credentials]) => ({
    tokenSha256: createHash("sha256").update(token).digest(),
    credentials,
  }));
  const server = credentialServer({ identities });
  onTestFinished(() => close(server));
  return listen(server, 0);
}

/** The variables of the app in a pod with one identity. */
const appEnv = async (credentials: Issue, token = TOKEN): Promise<Record<string, string>> =>
  envOf(await sidecar({ [TOKEN]: credentials }), token);

function envOf(port: number, token: string): Record<string, string> {
  return {
    [APP_ENV.fullUri]: `http://${LOOPBACK}:${port}${PATH.credentials}`,
    [APP_ENV.token]: token,
    [APP_ENV.region]: "eu-west-1",
    [APP_ENV.defaultRegion]: "eu-west-1",
    [APP_ENV.stsRegionalEndpoints]: "regional",
    [APP_ENV.metadataDisabled]: "true",
  };
}

function held(standIn: StsStandIn, session = SESSION): Credentials {
  const { accessKeyId, secretAccessKey, sessionToken, expiresAt } = standIn.issue(session, 3600);
  return {
    accessKeyId,
    secretAccessKey: new Secret(secretAccessKey),
    sessionToken: new Secret(sessionToken),
    issuedAt: Date.now(),
    expiresAt,
    roleArn: ROLE,
    accountId: "123456789012",
  };
}

async function callerIdentity(env: Record<string, string>, standIn: StsStandIn): Promise<unknown> {
  const app = child([CLIENT, standIn.url], env);
  expect({ code: await app.exited, output: app.output() }).toMatchObject({ code: 0 });
  return JSON.parse(app.output());
}

test("the AWS SDK's default chain gets the pod's role from only the injected variables", async () => {
  const standIn = await sts();
  const credentials = held(standIn);
  expect(await callerIdentity(await appEnv(async () => credentials), standIn)).toEqual({ arn: SESSION });
});

test("the AWS SDK reads every field of the answer", async () => {
  const standIn = await sts();
  const credentials = held(standIn);
  setEnv(await appEnv(async () => credentials));
  const { issued } = standIn;
  expect(await fromHttp({ maxRetries: 0 })()).toMatchObject({
    accessKeyId: issued[0]?.accessKeyId,
    secretAccessKey: issued[0]?.secretAccessKey,
    sessionToken: issued[0]?.sessionToken,
    expiration: new Date(credentials.expiresAt),
  });
});

test("a container with another container's token gets nothing", async () => {
  const standIn = await sts();
  const credentials = held(standIn);
  const env = await appEnv(async () => credentials, "a-token-of-another-container");
  expect(await callerIdentity(env, standIn)).toMatchObject({ name: "CredentialsProviderError" });
  expect(standIn.calls).toEqual([]);
});

test("two containers of one pod get two roles with their own tokens, at the same time and repeatedly", async () => {
  const standIn = await sts();
  const other = randomBytes(32).toString("base64url");
  const [own, archive] = [held(standIn), held(standIn, ARCHIVE_SESSION)];
  const port = await sidecar({ [TOKEN]: async () => own, [other]: async () => archive });
  const asked = [TOKEN, other, TOKEN, other].map((token) => callerIdentity(envOf(port, token), standIn));
  const arns = [SESSION, ARCHIVE_SESSION, SESSION, ARCHIVE_SESSION];
  expect(await Promise.all(asked)).toEqual(arns.map((arn) => ({ arn })));
});

test("a container gets the refusal when STS refuses its role, and the other container gets its credentials", async () => {
  const standIn = await sts();
  const other = randomBytes(32).toString("base64url");
  const own = held(standIn);
  const refusal = new IssueError("AccessDenied", "STS refused.", { kind: "definite" });
  const port = await sidecar({ [TOKEN]: async () => own, [other]: () => Promise.reject(refusal) });
  expect(await callerIdentity(envOf(port, other), standIn)).toMatchObject({
    name: "CredentialsProviderError",
  });
  expect(standIn.calls).toEqual([]);
  expect(await callerIdentity(envOf(port, TOKEN), standIn)).toEqual({ arn: SESSION });
});

test("the AWS SDK waits for a sidecar that is not ready yet", async () => {
  const standIn = await sts();
  const credentials = held(standIn);
  let asked = 0;
  const env = await appEnv(async () => {
    asked += 1;
    if (asked < 3) throw new CodedError("CREDENTIALS_NOT_READY", "No credentials yet.");
    return credentials;
  });
  expect(await callerIdentity(env, standIn)).toEqual({ arn: SESSION });
  expect(asked).toBe(3);
});

test("the AWS SDK passes on the code and the remedy of a definite refusal", async () => {
  const refusal = new IssueError("AccessDenied", "STS refused.", { kind: "definite", remedy: "Trust it." });
  setEnv(await appEnv(() => Promise.reject(refusal)));
  await expect(fromHttp({ maxRetries: 0 })()).rejects.toMatchObject({
    Code: "AccessDenied",
    Message: "STS refused. Trust it.",
  });
});
