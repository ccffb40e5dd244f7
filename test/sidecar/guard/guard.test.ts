import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ENV } from "../../../sidecar/contract/env.ts";
import { guardMain } from "../../../sidecar/guard/main.ts";
import type { Listing } from "../../../sidecar/guard/nft/listing.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import type { Reach } from "../../../sidecar/kit/reach.ts";
import { guardEnv, pod, REFUSED } from "./guard-rig.ts";

test("the guard applies its rules, reads them back, connects and counts, in this order", async () => {
  const { env } = guardEnv();
  const { around, steps, lines } = pod();
  expect(await guardMain(env, around)).toBe(0);
  expect(steps.join(" ")).toBe(
    "interfaces apply interfaces list inet+netdev connect connect connect connect list inet",
  );
  expect(lines).toEqual({
    stdout: [
      "podrole guard: 169.254.169.254 and fd00:ec2::254 are out of reach (4 chains, 2 interfaces, 20 ms)",
    ],
    stderr: [],
  });
});

test("the guard changes nothing in the node's own network", async () => {
  const { around, steps, lines } = pod();
  expect(
    await guardMain({ ...guardEnv().env, [ENV.podIp]: "FD00::1", [ENV.hostIp]: "fd00:0::1" }, around),
  ).toBe(10);
  expect(steps).toEqual([]);
  expect(lines.stderr).toEqual([expect.stringMatching(/^GUARD_HOST_NETWORK: .* Remove hostNetwork/)]);
});

test("the guard changes nothing and exits with 2 when its configuration is bad", async () => {
  const { around, steps, lines } = pod();
  expect(await guardMain({ ...guardEnv().env, [ENV.podIp]: "" }, around)).toBe(2);
  expect(steps).toEqual([]);
  expect(lines.stderr).toEqual([`CONFIG_INVALID: ${ENV.podIp} is not set.`]);
});

test("the guard proves nothing when the kernel refused its rules", async () => {
  const { env } = guardEnv();
  const refuse = new CodedError("GUARD_NO_CAPABILITY", "No.", { remedy: "Do." });
  const { around, steps, lines } = pod({}, { apply: () => Promise.reject(refuse) });
  expect(await guardMain(env, around)).toBe(11);
  expect(steps).toEqual(["interfaces"]);
  expect(lines.stderr).toEqual(["GUARD_NO_CAPABILITY: No. Do."]);
});

test("the guard does not connect while the rules in the kernel are not its own", async () => {
  const { env } = guardEnv();
  const nothing: Listing = { tables: [], chains: [], devices: [] };
  const { around, steps, lines } = pod({}, { list: async () => nothing });
  expect(await guardMain(env, around)).toBe(15);
  expect(steps).not.toContain("connect");
  expect(lines.stderr).toEqual([expect.stringMatching(/^GUARD_RULES_MISSING: .*the inet table is missing/)]);
});

test("the guard fails when an interface has come up meanwhile", async () => {
  const { env } = guardEnv();
  const seen = [
    ["eth0", "net1"],
    ["eth0", "net1", "net2"],
  ];
  const { around, lines } = pod({ interfaces: async () => seen.shift() ?? [] });
  expect(await guardMain(env, around)).toBe(15);
  expect(lines.stderr).toEqual([expect.stringContaining("interface net2 is not guarded")]);
});

test.each<[string, Reach]>([
  ["an answer", { kind: "connected" }],
  ["silence", { kind: "timeout" }],
  ["an unknown error", { kind: "refused", code: "UNKNOWN" }],
  ["a reset that no rule of its own has counted", REFUSED],
])("the guard fails closed on %s", async (_, outcome) => {
  const { env } = guardEnv();
  const { around, steps, lines } = pod({ reach: async () => outcome });
  expect(await guardMain(env, around)).toBe(14);
  expect(
    steps.filter((step) => step === "apply"),
    "the rules stay",
  ).toHaveLength(1);
  expect(lines.stdout).toEqual([]);
  expect(lines.stderr).toEqual([expect.stringMatching(/^GUARD_NOT_HOLDING: [^\n]+$/)]);
});

test("the guard fails when one address of two answers", async () => {
  const { env } = guardEnv();
  const answers = async (address: string): Promise<Reach> =>
    address.includes(":") ? { kind: "connected" } : { kind: "refused", code: "EHOSTUNREACH" };
  const { around, lines } = pod({ reach: answers });
  expect(await guardMain(env, around)).toBe(14);
  expect(lines.stderr.join()).toContain("fd00:ec2::254 port 80 answered");
});

test("the guard replaces the termination message with its one line", async () => {
  const { env, terminationLog } = guardEnv();
  const { around, lines } = pod({ reach: async () => ({ kind: "connected" }) });
  await guardMain(env, around);
  expect([await readFile(terminationLog, "utf8")]).toEqual(lines.stderr);
});

test("the guard writes its success into the termination message too", async () => {
  const { env, terminationLog } = guardEnv();
  const { around, lines } = pod();
  await guardMain(env, around);
  expect([await readFile(terminationLog, "utf8")]).toEqual(lines.stdout);
});

test.each([
  ["does not exist", "nowhere"],
  ["is a folder", "."],
])("the guard ignores a termination log that %s", async (_, name) => {
  const { folder } = guardEnv();
  const path = join(folder, name);
  const there = await stat(path).catch(() => undefined);
  const { around, lines } = pod({ reach: async () => ({ kind: "connected" }) });
  expect(await guardMain({ ...guardEnv().env, [ENV.terminationLog]: path }, around)).toBe(14);
  expect(lines.stderr).toHaveLength(1);
  expect((await stat(path).catch(() => undefined))?.ino, "it is not created").toBe(there?.ino);
});

test("the guard gives an unforeseen error the code GUARD_FAILED", async () => {
  const { env } = guardEnv();
  const { around, lines } = pod({ interfaces: () => Promise.reject(new Error("open\n/proc")) });
  expect(await guardMain(env, around)).toBe(1);
  expect(lines.stderr).toEqual(["GUARD_FAILED: open /proc"]);
});
