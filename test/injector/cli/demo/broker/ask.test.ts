import { describe, expect, test } from "vitest";
import { refusalIn } from "../../../../../injector/cli/demo/broker/ask.ts";

describe("what the demo shows of the broker's answer", () => {
  test("is code and message of a refusal", () => {
    const refused = { code: "ROLE_NOT_OF_POD", message: "No.", kind: "definite" };
    expect(refusalIn(JSON.stringify(refused))).toEqual({ code: "ROLE_NOT_OF_POD", message: "No." });
  });

  test("is nothing of the credentials", () => {
    const keys = {
      AccessKeyId: "ASIA",
      SecretAccessKey: "s",
      Token: "t",
      Expiration: "2026-01-01T00:00:00Z",
    };
    expect(refusalIn(JSON.stringify(keys))).toEqual({});
  });
});
