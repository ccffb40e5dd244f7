import { assert, property, string, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { brokerAnswer } from "../../../sidecar/sources/broker/answer.ts";
import { grantedJson } from "../../support/broker-client-rig.ts";
import { ROLE } from "../../support/credentials.ts";

const read = (body: string | Uint8Array, status = 200) => brokerAnswer({ status, body: Buffer.from(body) });

test("an answer of the credentials endpoint's form is a session", () => {
  const now = Date.UTC(2026, 10, 29, 12);
  expect(read(grantedJson({}, now))).toMatchObject({
    kind: "granted",
    accessKeyId: "ASIAEXAMPLE",
    expiresAt: now + 3_600_000,
    roleArn: ROLE,
  });
});

describe("a 200 is no answer of the broker's", () => {
  test.each(Object.keys(JSON.parse(grantedJson()) as object))(
    "without %s, or with one that is no text",
    (field) => {
      for (const value of [undefined, "", null, 7, {}, ["x"]])
        expect(read(grantedJson({ [field]: value }))).toBeUndefined();
    },
  );

  test.each([
    ["Code", "Failure"],
    ["Type", "AWS"],
    ["AccessKeyId", "A B"],
    ["SecretAccessKey", "s\n"],
    ["Token", "t\u0000"],
    ["Token", "ü"],
    ["Expiration", "tomorrow"],
    ["Expiration", "1764417600"],
    ["Expiration", "2026-13-01T00:00:00Z"],
    ["LastUpdated", "yesterday"],
    ["AccountId", "999999999999"],
  ])("with the %s %j", (field, value) => {
    expect(read(grantedJson({ [field]: value }))).toBeUndefined();
  });

  test.each(["", "{", "null", "[]", '"x"', "<html>", `${grantedJson()}x`, `[${grantedJson()}]`])(
    "if it is %j",
    (body) => {
      expect(read(body)).toBeUndefined();
    },
  );

  test("if it is not UTF-8", () => {
    const body = Buffer.from(grantedJson({ Extra: "ü" }), "latin1");
    expect(brokerAnswer({ status: 200, body })).toBeUndefined();
  });
});

test.each([201, 204, 206, 301, 302, 304, 399])(
  "a session with status %i is no answer of the broker's",
  (status) => {
    expect(read(grantedJson(), status)).toBeUndefined();
  },
);

test("a session with the status of a refusal is no answer of the broker's, and a refusal with that of a session neither", () => {
  expect(read(grantedJson(), 403)).toBeUndefined();
  expect(read(JSON.stringify({ code: "A", message: "b", kind: "definite" }))).toBeUndefined();
});

test("whatever is answered, there is a session, a refusal or nothing", () => {
  assert(property(string(), (body) => [undefined, "refused"].includes(read(body, 403)?.kind)));
  assert(property(uint8Array(), (body) => read(body) === undefined));
});
