import { inspect } from "node:util";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Secret } from "../../../sidecar/kit/secret.ts";
import { certificateAuthority, validFor, type KeyPair } from "../../../injector/tls/certificates.ts";
import { baseOf } from "../../../injector/config/base-of-caller.ts";
import { discoverBaseRoleArn } from "../../../injector/config/base-role.ts";
import { stsStandIn, type StsStandIn } from "../../../injector/cli/demo/aws/sts.ts";
import { configFromFlags } from "../../support/config.ts";
import { connectProxy } from "../../support/connect-proxy.ts";
import { freePort } from "../../support/free-port.ts";
import { tempFile } from "../../support/temp-files.ts";
import { thrown } from "../../support/thrown.ts";
import { tlsFront } from "../../support/tls-front.ts";
import { setEnv } from "../../support/set-env.ts";

const PLAIN = configFromFlags("--region=eu-west-1");

describe("the base ARN of the injector's own account", () => {
  test.for([
    ["arn:aws:sts::111122223333:assumed-role/node/i-1", "arn:aws:iam::111122223333:role/"],
    ["arn:aws-cn:sts::111122223333:assumed-role/node/i-1", "arn:aws-cn:iam::111122223333:role/"],
    ["arn:aws-us-gov:iam::111122223333:user/admin", "arn:aws-us-gov:iam::111122223333:role/"],
  ] as const)("is read from the identity that STS reports: %s", ([caller, base]) => {
    expect(baseOf(caller)).toBe(base);
  });

  test.for(["", "arn:aws:sts::1:x", "arn:aws:s3:::bucket"])("is not guessed from %j", (caller) => {
    expect(() => baseOf(caller)).toThrow(expect.objectContaining({ code: "BASE_ROLE_UNKNOWN" }) as Error);
  });

  test("is not requested by the offline commands, which make no requests", () => {
    expect(() => configFromFlags("--base-role-arn", "auto")).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID" }) as Error,
    );
  });
});

describe("requested from STS", () => {
  let sts: StsStandIn;
  beforeEach(async () => {
    sts = await stsStandIn({ keys: { AKIDINJECTOR: "arn:aws:iam::444455556666:user/injector" } });
  });
  afterEach(async () => {
    await sts.close();
  });

  test("it is the account of the injector's own identity", async () => {
    setEnv({ AWS_ACCESS_KEY_ID: "AKIDINJECTOR", AWS_SECRET_ACCESS_KEY: "secret" });
    expect(await discoverBaseRoleArn({ ...PLAIN, stsEndpoint: sts.url })).toBe(
      "arn:aws:iam::444455556666:role/",
    );
  });

  test("a refusal ends the start with a message that says what to do", async () => {
    setEnv({ AWS_ACCESS_KEY_ID: "AKIDNOBODY", AWS_SECRET_ACCESS_KEY: "secret" });
    await expect(discoverBaseRoleArn({ ...PLAIN, stsEndpoint: sts.url })).rejects.toMatchObject({
      code: "BASE_ROLE_UNKNOWN",
      remedy: "Give the program an AWS identity and a way to STS, or set baseRoleArn to the base ARN itself.",
    });
  });

  describe("through stsProxy", () => {
    let authority: KeyPair;
    beforeAll(async () => {
      authority = await certificateAuthority("company", validFor(1, Date.now()));
    });
    const behindTls = async (): Promise<string> => {
      const front = await tlsFront(sts.url, authority, ["sts.eu-west-1.amazonaws.com"]);
      return new URL(front).host;
    };

    test("it is asked for by CONNECT, with user and password, and TLS is STS's own", async () => {
      setEnv({ AWS_ACCESS_KEY_ID: "AKIDINJECTOR", AWS_SECRET_ACCESS_KEY: "secret" });
      const proxy = await connectProxy({ instead: await behindTls(), credentials: "us:er" });
      const settings = { ...PLAIN, stsProxy: proxy.origin, stsCa: authority.cert };
      expect(await discoverBaseRoleArn(settings, new Secret("us:er"))).toBe(
        "arn:aws:iam::444455556666:role/",
      );
      expect(proxy.asked.map(({ to }) => to)).toEqual(["sts.eu-west-1.amazonaws.com:443"]);
    });

    test("the call for the injector's own credentials goes the same way", async () => {
      const token = tempFile("injector.web.token");
      setEnv({
        AWS_ACCESS_KEY_ID: "",
        AWS_SECRET_ACCESS_KEY: "",
        AWS_WEB_IDENTITY_TOKEN_FILE: token,
        AWS_ROLE_ARN: "arn:aws:iam::444455556666:role/injector",
        AWS_REGION: "eu-west-1",
      });
      await sts.close();
      const identity = {
        subject: "system:serviceaccount:podrole-system:podrole",
        audience: "sts.amazonaws.com",
      };
      sts = await stsStandIn({ tokens: { "injector.web.token": identity } });
      const proxy = await connectProxy({ instead: await behindTls(), authority });
      const settings = { ...PLAIN, stsProxy: proxy.origin, stsCa: authority.cert };
      expect(await discoverBaseRoleArn(settings)).toBe("arn:aws:iam::444455556666:role/");
      expect(proxy.asked.map(({ to }) => to)).toEqual(
        Array.from({ length: 2 }, () => "sts.eu-west-1.amazonaws.com:443"),
      );
    });

    test("an endpoint without TLS is asked by it too, and an exempt one is not", async () => {
      setEnv({ AWS_ACCESS_KEY_ID: "AKIDINJECTOR", AWS_SECRET_ACCESS_KEY: "secret" });
      const proxy = await connectProxy();
      const settings = { ...PLAIN, stsEndpoint: sts.url, stsProxy: proxy.origin };
      await discoverBaseRoleArn(settings);
      expect(proxy.asked.map(({ to }) => to)).toEqual([new URL(sts.url).host]);
      await discoverBaseRoleArn({ ...settings, stsNoProxy: ["127.0.0.1"] });
      expect(proxy.asked).toHaveLength(1);
    });

    test("a refusal says what the proxy answered, without the password", async () => {
      setEnv({ AWS_ACCESS_KEY_ID: "AKIDINJECTOR", AWS_SECRET_ACCESS_KEY: "secret" });
      const proxy = await connectProxy({ credentials: "us:er" });
      const error = await thrown(() =>
        discoverBaseRoleArn({ ...PLAIN, stsProxy: proxy.origin }, new Secret("svc:pass")),
      );
      expect(error).toMatchObject({
        code: "BASE_ROLE_UNKNOWN",
        message: expect.stringContaining("(stsProxy answered HTTP 407)"),
        cause: undefined,
      });
      expect(inspect(error, { depth: 9 })).not.toMatch(/svc:pass|c3ZjOnBhc3M/);
    });

    test("a proxy that is down ends the attempt: STS is not asked directly", async () => {
      setEnv({ AWS_ACCESS_KEY_ID: "AKIDINJECTOR", AWS_SECRET_ACCESS_KEY: "secret" });
      const stsProxy = `http://127.0.0.1:${await freePort()}`;
      expect(
        await thrown(() => discoverBaseRoleArn({ ...PLAIN, stsEndpoint: sts.url, stsProxy })),
      ).toMatchObject({ code: "BASE_ROLE_UNKNOWN", message: expect.stringContaining("ECONNREFUSED") });
    });
  });
});
