import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { readCaFile } from "../../../injector/config/ca-file.ts";
import { certificateAuthority, validFor, type KeyPair } from "../../../injector/tls/certificates.ts";
import { configFromFlags } from "../../support/config.ts";
import { thrown } from "../../support/thrown.ts";

let one: KeyPair;
let two: KeyPair;
beforeAll(async () => {
  one = await certificateAuthority("one", validFor(1, Date.now()));
  two = await certificateAuthority("two", validFor(1, Date.now()));
});

async function file(content: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "podrole-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "ca.pem");
  await writeFile(path, content);
  return path;
}

const blocks = (pem: string): number => pem.split("-----BEGIN CERTIFICATE-----").length - 1;

test("certificates are taken without what stands around them", async () => {
  const pem = readCaFile(await file(`# the company's\n${one.cert}\nsubject=two\r\n${two.cert}`));
  expect(blocks(pem)).toBe(2);
  expect(pem).toMatch(/^(?:-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n){2}$/);
});

test("a private key in the file is refused: it would go into every pod", async () => {
  const path = await file(`${one.cert}\n${one.key}`);
  const error = await thrown(() => readCaFile(path));
  expect(error).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining("private key") });
  expect(`${error.message}${error.remedy ?? ""}`).not.toContain(one.key.split("\n")[1]);
});

test.each([
  ["that is empty", (): string => "", /holds no certificate/],
  ["of another format", (): string => "\u0030\u0082\u0003", /holds no certificate/],
  [
    "whose second certificate is broken",
    () => `${one.cert}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----`,
    /cannot be decoded, number 2/,
  ],
  ["of all the world's CAs", () => `${one.cert}\n`.repeat(100), /holds \d+ KiB/],
] as const)("a file %s is refused in a sentence that names it", async (_, content, why) => {
  const path = await file(content());
  const error = await thrown(() => readCaFile(path));
  expect(error).toMatchObject({ code: "CONFIG_INVALID", remedy: expect.stringMatching(/\.$/) });
  expect(error.message).toMatch(why);
  expect(error.message).toContain(`--sts-ca-file: ${path} `);
});

test("a file that is not there is refused, and read only by programs that write pods", async () => {
  expect(await thrown(() => readCaFile("/nowhere/ca.pem"))).toMatchObject({
    code: "CONFIG_INVALID",
    message: "--sts-ca-file: /nowhere/ca.pem cannot be read (ENOENT).",
  });
  expect(configFromFlags("--sts-ca-file", "/nowhere/ca.pem").stsCa).toBeUndefined();
});
