import { createServer, type IncomingMessage } from "node:http";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { certificateAuthority, validFor, type KeyPair } from "../../../injector/tls/certificates.ts";
import { stsStandIn } from "../../../injector/cli/demo/aws/sts.ts";
import { Secret } from "../../../sidecar/kit/secret.ts";
import { stsOver, type StsOptions } from "../../../sidecar/sts/assume-role.ts";
import type { Caller } from "../../../sidecar/sts/role-request.ts";
import { ROLE } from "../../support/credentials.ts";
import { listening } from "../../support/listening.ts";
import { setEnv } from "../../support/set-env.ts";
import { thrown } from "../../support/thrown.ts";
import { tlsFront } from "../../support/tls-front.ts";

const WEB_TOKEN = "header.payload.signature";
const TOKEN: Caller = { kind: "token", token: new Secret(WEB_TOKEN) };
const KEYS: Caller = {
  kind: "keys",
  keys: { accessKeyId: "AKIAEXAMPLE", secretAccessKey: new Secret("secret") },
};
const OPTIONS: StsOptions = {
  region: "eu-west-1",
  endpoint: "https://sts.eu-west-1.amazonaws.com",
  ca: undefined,
  proxy: undefined,
  now: Date.now,
};

const call = (options: StsOptions, caller: Caller = TOKEN) =>
  stsOver(options)({ caller, step: { roleArn: ROLE, durationSeconds: 3600 }, sessionName: "billing.api-0" });

/** What a server saw of one call to it. */
async function sent(over: Partial<StsOptions>, caller: Caller = TOKEN): Promise<IncomingMessage> {
  const seen: IncomingMessage[] = [];
  const server = createServer((one, response) => {
    seen.push(one);
    response.writeHead(500).end();
  });
  onTestFinished(() => void server.close());
  const endpoint = `http://127.0.0.1:${await listening(server)}`;
  expect(await thrown(() => call({ ...OPTIONS, endpoint, ...over }, caller))).toMatchObject({
    code: "STS_ANSWER_INVALID",
  });
  const [first] = seen;
  if (first === undefined) throw new Error("no request");
  return first;
}

test("where STS is called does not depend on variables or files of the image", async () => {
  setEnv({
    AWS_USE_FIPS_ENDPOINT: "true",
    AWS_ENDPOINT_URL_STS: "http://127.0.0.1:9",
    AWS_REGION: "us-east-1",
    AWS_CONFIG_FILE: "/nowhere",
    HTTP_PROXY: "http://127.0.0.1:9",
    HTTPS_PROXY: "http://127.0.0.1:9",
    NODE_USE_ENV_PROXY: "1",
  });
  expect(await sent({})).toMatchObject({ method: "POST", url: "/" });
});

test("a call with keys is signed for the region, one with a token not at all", async () => {
  expect((await sent({ region: "cn-north-1" }, KEYS)).headers["authorization"]).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE\/\d{8}\/cn-north-1\/sts\/aws4_request, /,
  );
  expect((await sent({})).headers["authorization"]).toBeUndefined();
});

test("a call asks for no encoding and no connection that stays", async () => {
  const { headers } = await sent({});
  expect(Object.keys(headers).toSorted()).toEqual([
    "connection",
    "content-length",
    "content-type",
    "host",
    "user-agent",
  ]);
  expect(headers.connection).toBe("close");
});

describe("an STS endpoint with a certificate of a company's own CA", () => {
  let authority: KeyPair;
  let other: KeyPair;
  beforeAll(async () => {
    authority = await certificateAuthority("company", validFor(1, Date.now()));
    other = await certificateAuthority("another", validFor(1, Date.now()));
  });

  async function endpoint(names?: readonly string[]): Promise<string> {
    const identity = { subject: "system:serviceaccount:billing:reader", audience: "sts.amazonaws.com" };
    const sts = await stsStandIn({ tokens: { [WEB_TOKEN]: identity } });
    onTestFinished(() => sts.close());
    return tlsFront(sts.url, authority, names);
  }

  test("is trusted with that CA", async () => {
    const granted = await call({ ...OPTIONS, endpoint: await endpoint(), ca: authority.cert });
    expect(granted.roleArn).toBe(ROLE);
  });

  test("is trusted with that CA among others", async () => {
    const ca = `${other.cert}\n${authority.cert}\n`;
    expect(await call({ ...OPTIONS, endpoint: await endpoint(), ca })).toMatchObject({ roleArn: ROLE });
  });

  test.each([
    ["without it", () => undefined],
    ["with another", () => other.cert],
  ])("is not trusted %s, and the remedy names the option", async (_, ca) => {
    const where = await endpoint();
    expect(await thrown(() => call({ ...OPTIONS, endpoint: where, ca: ca() }))).toMatchObject({
      code: "STS_UNREACHABLE",
      kind: "passing",
      remedy: expect.stringContaining("stsCa"),
    });
  });

  test("is not trusted under a name that its certificate does not have", async () => {
    const where = await endpoint(["sts.example"]);
    expect(await thrown(() => call({ ...OPTIONS, endpoint: where, ca: authority.cert }))).toMatchObject({
      code: "STS_UNREACHABLE",
      message: expect.stringContaining("ERR_TLS_CERT_ALTNAME_INVALID"),
      remedy: expect.stringContaining("stsEndpoint"),
    });
  });
});
