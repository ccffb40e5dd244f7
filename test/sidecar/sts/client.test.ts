import { request } from "node:http";
import { createServer } from "node:https";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  certificateAuthority,
  servingCertificate,
  validFor,
  type KeyPair,
} from "../../../injector/tls/certificates.ts";
import { stsStandIn } from "../../../injector/cli/demo/aws/sts.ts";
import { Secret } from "../../../sidecar/kit/secret.ts";
import { stsOver, type StsOptions } from "../../../sidecar/sts/assume-role.ts";
import type { Caller } from "../../../sidecar/sts/role-request.ts";
import { ROLE } from "../../support/credentials.ts";
import { setEnv } from "../../support/set-env.ts";
import { thrown } from "../../support/thrown.ts";

const WEB_TOKEN = "header.payload.signature";
const TOKEN: Caller = { kind: "token", token: new Secret(WEB_TOKEN) };
const KEYS: Caller = {
  kind: "keys",
  keys: { accessKeyId: "AKIAEXAMPLE", secretAccessKey: new Secret("secret") },
};
const OPTIONS: StsOptions = {
  region: "eu-west-1",
  endpoint: undefined,
  fips: false,
  dualStack: false,
  ca: undefined,
  now: Date.now,
};

const call = (options: StsOptions, caller: Caller = TOKEN) =>
  stsOver(options)({ caller, step: { roleArn: ROLE, durationSeconds: 3600 }, sessionName: "billing.api-0" });

interface Sent {
  readonly protocol: string;
  readonly hostname: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the SDK would have sent over the network, by a client of HTTP that sends nothing. */
async function sent(over: Partial<StsOptions>, caller: Caller = TOKEN): Promise<Sent> {
  const requests: Sent[] = [];
  const requestHandler = {
    metadata: { handlerProtocol: "http/1.1" },
    handle: async (one: Sent) => {
      requests.push(one);
      throw Object.assign(new Error("nothing is sent"), { code: "ECONNREFUSED" });
    },
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
  };
  expect(await thrown(() => call({ ...OPTIONS, ...over, requestHandler }, caller))).toMatchObject({
    code: "STS_UNREACHABLE",
  });
  const [first] = requests;
  if (first === undefined) throw new Error("no request");
  return first;
}

describe("STS is called by AWS's own name for it", () => {
  test.each([
    ["eu-west-1", {}, "sts.eu-west-1.amazonaws.com"],
    ["us-east-1", {}, "sts.us-east-1.amazonaws.com"],
    ["ap-southeast-7", {}, "sts.ap-southeast-7.amazonaws.com"],
    ["cn-north-1", {}, "sts.cn-north-1.amazonaws.com.cn"],
    ["cn-northwest-1", { dualStack: true }, "sts.cn-northwest-1.api.amazonwebservices.com.cn"],
    ["us-gov-west-1", {}, "sts.us-gov-west-1.amazonaws.com"],
    ["us-gov-west-1", { fips: true }, "sts.us-gov-west-1.amazonaws.com"],
    ["us-gov-east-1", { fips: true, dualStack: true }, "sts-fips.us-gov-east-1.api.aws"],
    ["us-iso-east-1", {}, "sts.us-iso-east-1.c2s.ic.gov"],
    ["us-isob-east-1", {}, "sts.us-isob-east-1.sc2s.sgov.gov"],
    ["eusc-de-east-1", {}, "sts.eusc-de-east-1.amazonaws.eu"],
    ["us-east-2", { fips: true }, "sts-fips.us-east-2.amazonaws.com"],
    ["eu-west-1", { dualStack: true }, "sts.eu-west-1.api.aws"],
    ["us-east-1", { fips: true, dualStack: true }, "sts-fips.us-east-1.api.aws"],
  ] as const)("%s with %j: %s", async (region, over, hostname) => {
    expect(await sent({ region, ...over })).toMatchObject({ protocol: "https:", hostname });
  });
});

test("STS's address does not depend on variables or files of the image", async () => {
  setEnv({
    AWS_USE_FIPS_ENDPOINT: "true",
    AWS_USE_DUALSTACK_ENDPOINT: "true",
    AWS_STS_REGIONAL_ENDPOINTS: "legacy",
    AWS_REGION: "us-east-1",
    AWS_CONFIG_FILE: "/nowhere",
  });
  expect((await sent({})).hostname).toBe("sts.eu-west-1.amazonaws.com");
});

test("a call with keys is signed for the region, one with a token not at all", async () => {
  expect((await sent({ region: "cn-north-1" }, KEYS)).headers["authorization"]).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE\/\d{8}\/cn-north-1\/sts\/aws4_request, /,
  );
  expect((await sent({})).headers["authorization"]).toBeUndefined();
});

test("the remedy mentions FIPS and dual-stack when they are set and the name cannot be resolved", async () => {
  const requestHandler = {
    metadata: { handlerProtocol: "http/1.1" },
    handle: () => Promise.reject(Object.assign(new Error("getaddrinfo"), { code: "ENOTFOUND" })),
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
  };
  const special = await thrown(() => call({ ...OPTIONS, fips: true, requestHandler }));
  expect(special).toMatchObject({ code: "STS_UNREACHABLE", remedy: expect.stringContaining("stsFips") });
  const plain = await thrown(() => call({ ...OPTIONS, requestHandler }));
  expect(plain.remedy).toMatch(/^Check the pod's DNS/);
});

describe("an STS endpoint with a certificate of a company's own CA", () => {
  let authority: KeyPair;
  let other: KeyPair;
  beforeAll(async () => {
    authority = await certificateAuthority("company", validFor(1, Date.now()));
    other = await certificateAuthority("another", validFor(1, Date.now()));
  });

  /** TLS in front of the stand-in. */
  async function endpoint(names: readonly string[] = ["127.0.0.1"]): Promise<string> {
    const identity = { subject: "system:serviceaccount:billing:reader", audience: "sts.amazonaws.com" };
    const sts = await stsStandIn({ tokens: { [WEB_TOKEN]: identity } });
    const server = createServer(
      await servingCertificate(authority, names, validFor(1, Date.now())),
      (from, to) => {
        const { method = "", url = "", headers } = from;
        const onward = request(new URL(url, sts.url), { method, headers }, (answer) => {
          to.writeHead(answer.statusCode ?? 0, answer.headers);
          answer.pipe(to);
        });
        from.pipe(onward);
      },
    );
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve());
    });
    onTestFinished(async () => {
      server.closeAllConnections();
      server.close();
      await sts.close();
    });
    const address = server.address();
    return `https://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
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
