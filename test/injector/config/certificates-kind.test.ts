import { beforeAll, expect, test } from "vitest";
import { certificates } from "../../../injector/config/certificates-kind.ts";
import { configFrom } from "../../../injector/config/read-config.ts";
import { certificateAuthority, validFor, type KeyPair } from "../../../injector/tls/certificates.ts";

let one: KeyPair;
let two: KeyPair;
beforeAll(async () => {
  one = await certificateAuthority("one", validFor(1, Date.now()));
  two = await certificateAuthority("two", validFor(1, Date.now()));
});

test("text around certificates is removed", () => {
  const pem = certificates.parse(`# the company's\n${one.cert}\nsubject=two\r\n${two.cert}`);
  expect(pem.split("-----BEGIN CERTIFICATE-----").length - 1).toBe(2);
  expect(pem).toMatch(/^(?:-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n){2}$/);
});

test("a private key among certificates is refused, and the message repeats none of it", () => {
  const reading = configFrom({ stsCa: `${one.cert}\n${one.key}` });
  expect(reading).toMatchObject({
    problems: [
      {
        code: "CONFIG_BAD_VALUE",
        keys: ["stsCa"],
        message: expect.stringContaining("private key") as string,
      },
    ],
  });
  expect(JSON.stringify(reading)).not.toContain(one.key.split("\n")[1]);
});

test.each([
  ["that is empty", (): string => "", /must contain certificates/],
  ["of another format", (): string => "\u0030\u0082\u0003", /must contain certificates/],
  [
    "whose second certificate is broken",
    () => `${one.cert}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----`,
    /cannot be decoded, number 2/,
  ],
  ["with too many CAs", () => `${one.cert}\n`.repeat(100), /has \d+ KiB/],
] as const)("a text %s is refused with the reason", (_, content, why) => {
  expect(() => certificates.parse(content())).toThrow(why);
});
