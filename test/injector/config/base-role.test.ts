import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { baseOf, discoverBaseRoleArn } from "../../../injector/config/base-role.ts";
import { stsStandIn, type StsStandIn } from "../../../injector/cli/demo/aws/sts.ts";
import { configFromFlags } from "../../support/config.ts";
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
      remedy: "Give the injector an AWS identity, or set baseRoleArn to the base ARN itself.",
    });
  });
});
