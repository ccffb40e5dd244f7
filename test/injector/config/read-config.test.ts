import * as fc from "fast-check";
import { expect, test } from "vitest";
import { configFrom, requireConfig } from "../../../injector/config/read-config.ts";
import { SETTING_NAMES } from "../../../injector/config/settings.ts";
import { thrown } from "../../support/thrown.ts";
import { SAMPLES } from "../../support/setting-samples.ts";

test.for([
  ["two ports that are one", { credentialsPort: "5000", healthPort: "5000" }],
  ["the emulated service's port and the credentials'", { imdsPort: "16925" }],
  ["the emulated service's port and that of health", { imdsPort: "5000", healthPort: "5000" }],
  ["an endpoint of its own and FIPS", { stsEndpoint: "https://sts.example", stsFips: "true" }],
  ["an endpoint of its own and dual-stack", { stsEndpoint: "https://sts.example", stsDualStack: "true" }],
  ["a proxy's Secret and no proxy", { stsProxySecret: "a" }],
  ["exemptions from a proxy and no proxy", { stsNoProxy: "sts.example" }],
  ["a proxy and its own address to block", { stsProxy: "http://[fd00:ec2::254]:3128" }],
  ["emulation and an address that is not blocked", { imds: "allow-emulate", block: "169.254.169.254" }],
  ["source ambient without a Secret", { source: "ambient" }],
  ["an override to ambient without a Secret", { sourceOverride: "ambient" }],
  ["two annotations under one key", { roleKey: "acme.com/x", externalIdKey: "acme.com/x" }],
] as const)("%s cannot be combined, and one sentence says so", async ([, written]) => {
  expect(configFrom(written)).toMatchObject({
    problems: [{ code: "CONFIG_CONFLICT", message: expect.stringMatching(/^[^\n]+\.$/) as string }],
  });
  const error = await thrown(() => requireConfig(written));
  expect(error.code).toBe("CONFIG_INVALID");
});

test("an unknown key is refused, and the message suggests the most similar setting", () => {
  expect(configFrom({ sources: "node" })).toEqual({
    problems: [
      {
        code: "CONFIG_UNKNOWN_KEY",
        keys: ["sources"],
        message: '"sources" is not a setting. Did you mean source?',
      },
    ],
  });
  expect(configFrom({ "what-is-this": "x" })).toMatchObject({
    problems: [{ message: '"what-is-this" is not a setting. See the reference of options.' }],
  });
});

test("the version and the controller's keys are no settings", () => {
  expect(configFrom({ version: "9.9.9", "accepted.0.guard": "never", "accepted.2.version": "1" })).toEqual(
    configFrom({}),
  );
});

test("all problems are reported together, except conflicts with a value that is itself invalid", () => {
  const reading = configFrom({
    gaurd: "off",
    policy: "strict",
    source: "ambient",
    block: "x",
    imds: "allow-emulate",
  });
  const problems = "problems" in reading ? reading.problems : [];
  expect(problems.map(({ code, keys }) => [code, keys[0]])).toEqual([
    ["CONFIG_UNKNOWN_KEY", "gaurd"],
    ["CONFIG_BAD_VALUE", "policy"],
    ["CONFIG_BAD_VALUE", "block"],
    ["CONFIG_CONFLICT", "source"],
  ]);
});

test.for([
  [{ guard: "verify", source: "node" }, true],
  [{ guard: "verify", source: "web-identity", sourceOverride: "node" }, false],
  [{ guard: "verify", imds: "allow-emulate" }, false],
  [{ guard: "auto", source: "node" }, false],
  [{ guard: "off", source: "node" }, false],
] as const)("source node is a conflict beside guard verify alone: %j, %s", ([data, isConflict]) => {
  const reading = configFrom(data);
  const problems = "problems" in reading ? reading.problems : [];
  expect(problems.map(({ code, keys }) => [code, keys])).toEqual(
    isConflict ? [["CONFIG_CONFLICT", ["guard", "source"]]] : [],
  );
});

test("the base ARN stays open when it has to be requested from AWS", async () => {
  expect(configFrom({ baseRoleArn: "auto" })).toMatchObject({
    config: { baseRoleArn: undefined },
    asksForBase: true,
  });
  expect(await thrown(() => requireConfig({ baseRoleArn: "auto" }))).toMatchObject({
    code: "CONFIG_INVALID",
    remedy: "Give the base ARN instead of auto.",
  });
});

const SECRET = "wJalrXUtnFEMI/K7MDENG";
const raw = fc.oneof(
  fc.constantFrom(...Object.values(SAMPLES)),
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.constant(`https://user:${SECRET}@x`),
  fc.constant(SECRET),
);
const keys = fc.oneof(
  fc.constantFrom<string>(...SETTING_NAMES, "version", "accepted.0.image", "__proto__", "constructor"),
  fc.string({ unit: "binary", maxLength: 40 }),
);

test("every ConfigMap yields a config or problems, and no invalid key is overlooked", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(keys, raw), { maxLength: 12 }), (entries) => {
      const written: Record<string, string> = Object.fromEntries(entries);
      const reading = configFrom(written);
      const reported = "problems" in reading ? reading.problems : [];
      const settings: readonly string[] = SETTING_NAMES;
      const unknown = Object.keys(written).filter(
        (key) => !settings.includes(key) && key !== "version" && !key.startsWith("accepted."),
      );
      for (const key of unknown) expect(reported.some((one) => one.keys.includes(key))).toBe(true);
      for (const { message, keys: named } of reported) {
        expect(message).toMatch(/^.+\.$|\?$/s);
        expect(named.includes(SECRET) || !message.includes(SECRET)).toBe(true);
      }
      expect("config" in reading).toBe(reported.length === 0);
    }),
    { numRuns: 300 },
  );
});

test("one invalid value is found among any number of valid ones", () => {
  const bad = fc.constantFrom(...SETTING_NAMES.filter((name) => name !== "clusterName"));
  fc.assert(
    fc.property(bad, fc.subarray([...SETTING_NAMES]), (name, others) => {
      const written = { ...Object.fromEntries(others.map((one) => [one, SAMPLES[one]])), [name]: "\n" };
      const reading = configFrom(written);
      const problems = "problems" in reading ? reading.problems : [];
      expect(problems.some((one) => one.code === "CONFIG_BAD_VALUE" && one.keys[0] === name)).toBe(true);
    }),
  );
});

test("only some of very many unknown keys are named, and the others are counted", () => {
  const reading = configFrom(
    Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key${index}`, "x"])),
  );
  const problems = "problems" in reading ? reading.problems : [];
  expect(problems).toHaveLength(21);
  expect(problems.at(-1)).toEqual({
    code: "CONFIG_UNKNOWN_KEY",
    keys: [],
    message: "9980 more keys are not settings.",
  });
});

test.for(SETTING_NAMES)("a value of more than 64 KiB is refused: %s", (name) => {
  expect(configFrom({ [name]: "a".repeat(64 * 1024 + 1) })).toMatchObject({
    problems: [
      { code: "CONFIG_BAD_VALUE", keys: [name], message: `${name} must not be longer than 64 KiB.` },
    ],
  });
});
