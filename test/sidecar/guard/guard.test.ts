import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ENV } from "../../../sidecar/contract.ts";
import { guardMain, type Surroundings } from "../../../sidecar/guard/main.ts";
import { nftFilter } from "../../../sidecar/guard/nft-filter.ts";
import type { Nft } from "../../../sidecar/guard/nft.ts";
import { resetRule } from "../../../sidecar/guard/rules.ts";
import type { Listing } from "../../../sidecar/guard/listing.ts";
import type { Reach } from "../../../sidecar/reach.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { recorded } from "./listings.ts";

const REFUSED: Reach = { kind: "refused", code: "ECONNREFUSED" };

let folder: string;
let terminationLog: string;
let env: Record<string, string>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "podrole-guard-"));
  terminationLog = join(folder, "termination-log");
  await writeFile(terminationLog, "what an earlier attempt left, longer than what comes now ".repeat(20));
  env = {
    [ENV.blockedAddresses]: "169.254.169.254,fd00:ec2::254",
    [ENV.podIp]: "10.1.2.3",
    [ENV.hostIp]: "10.0.0.1",
    [ENV.terminationLog]: terminationLog,
    [ENV.logLevel]: "silent",
  };
});
afterEach(() => rm(folder, { recursive: true }));

/** A pod where everything goes well, except for what a test puts in its place. */
function pod(other: Partial<Surroundings> = {}, kernel: Partial<Nft> = {}) {
  const steps: string[] = [];
  const lines = { stdout: [] as string[], stderr: [] as string[] };
  let [reset, time] = [0, 0];
  const nft: Nft = {
    apply: async () => void steps.push("apply"),
    list: async (families) => {
      steps.push(`list ${families.join("+")}`);
      return withResets(recorded("two-interfaces"), reset);
    },
    ...kernel,
  };
  const around: Surroundings = {
    interfaces: async () => {
      steps.push("interfaces");
      return ["eth0", "net1"];
    },
    filters: [nftFilter(nft, true), nftFilter(nft, false)],
    reach: async () => {
      steps.push("connect");
      reset += 1;
      return REFUSED;
    },
    stdout: (line) => void lines.stdout.push(line),
    stderr: (line) => void lines.stderr.push(line),
    now: () => (time += 20.4),
    ...other,
  };
  return { around, steps, lines };
}

function withResets(listing: Listing, packets: number): Listing {
  const counting = new Set(["169.254.169.254", "fd00:ec2::254"].map(resetRule));
  const chains = listing.chains.map((chain) =>
    Object.assign(chain, {
      rules: chain.rules.map(({ rule }) => ({ rule, packets: counting.has(rule) ? packets : 0 })),
    }),
  );
  return { ...listing, chains };
}

test("applies, reads back, connects and counts, in this order", async () => {
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

test("touches nothing in the node's own network", async () => {
  const { around, steps, lines } = pod();
  expect(await guardMain({ ...env, [ENV.podIp]: "FD00::1", [ENV.hostIp]: "fd00:0::1" }, around)).toBe(10);
  expect(steps).toEqual([]);
  expect(lines.stderr).toEqual([expect.stringMatching(/^GUARD_HOST_NETWORK: .* Remove hostNetwork/)]);
});

test("touches nothing on a bad configuration, and ends with 2", async () => {
  const { around, steps, lines } = pod();
  expect(await guardMain({ ...env, [ENV.blockedAddresses]: "" }, around)).toBe(2);
  expect(steps).toEqual([]);
  expect(lines.stderr).toEqual([`CONFIG_INVALID: ${ENV.blockedAddresses} is not set.`]);
});

test("does not look for a proof of rules that were not taken", async () => {
  const refuse = new CodedError("GUARD_NO_CAPABILITY", "No.", { remedy: "Do." });
  const { around, steps, lines } = pod({}, { apply: () => Promise.reject(refuse) });
  expect(await guardMain(env, around)).toBe(11);
  expect(steps).toEqual(["interfaces"]);
  expect(lines.stderr).toEqual(["GUARD_NO_CAPABILITY: No. Do."]);
});

test("does not connect while the rules in the kernel are not its own", async () => {
  const nothing: Listing = { tables: [], chains: [], devices: [] };
  const { around, steps, lines } = pod({}, { list: async () => nothing });
  expect(await guardMain(env, around)).toBe(15);
  expect(steps).not.toContain("connect");
  expect(lines.stderr).toEqual([expect.stringMatching(/^GUARD_RULES_MISSING: .*the inet table is missing/)]);
});

test("fails for an interface that came up while it was at work", async () => {
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
])("fails closed on %s", async (_, outcome) => {
  const { around, steps, lines } = pod({ reach: async () => outcome });
  expect(await guardMain(env, around)).toBe(14);
  expect(
    steps.filter((step) => step === "apply"),
    "the rules stay",
  ).toHaveLength(1);
  expect(lines.stdout).toEqual([]);
  expect(lines.stderr).toEqual([expect.stringMatching(/^GUARD_NOT_HOLDING: [^\n]+$/)]);
});

test("one address of two that answers is one too many", async () => {
  const answers = async (address: string): Promise<Reach> =>
    address.includes(":") ? { kind: "connected" } : { kind: "refused", code: "EHOSTUNREACH" };
  const { around, lines } = pod({ reach: answers });
  expect(await guardMain(env, around)).toBe(14);
  expect(lines.stderr.join()).toContain("fd00:ec2::254 port 80 answered");
});

test("leaves the one line where kubectl describe pod finds it, and nothing of what was there", async () => {
  const { around, lines } = pod({ reach: async () => ({ kind: "connected" }) });
  await guardMain(env, around);
  expect([await readFile(terminationLog, "utf8")]).toEqual(lines.stderr);
});

test("says there too that all went well, since it may say that there is one wall only", async () => {
  const { around, lines } = pod();
  await guardMain(env, around);
  expect([await readFile(terminationLog, "utf8")]).toEqual(lines.stdout);
});

const NO_HOOK = new CodedError("GUARD_NO_EGRESS_HOOK", "Not this kernel.", { remedy: "Another." });
const NO_FILTER = new CodedError("GUARD_NO_PACKET_FILTER", "Nothing there.", { remedy: "Something." });

/** A kernel that refuses each script that a test wants refused. */
const kernel = (refusal: (script: string) => CodedError | undefined): Partial<Nft> => ({
  apply: async (script) => {
    const error = refusal(script);
    if (error !== undefined) throw error;
  },
});

test("does without the egress hook where that is allowed, and says what that rests on", async () => {
  const { around, steps, lines } = pod(
    {},
    kernel((script) => (script.includes("netdev") ? NO_HOOK : undefined)),
  );
  expect(await guardMain({ ...env, [ENV.egressHook]: "prefer" }, around)).toBe(0);
  expect(steps.filter((step) => step.startsWith("list"))).toEqual(["list inet", "list inet"]);
  expect(lines.stdout).toEqual([
    "podrole guard: 169.254.169.254 and fd00:ec2::254 are out of reach by nft without the kernel's egress hook, so only as long as no container has NET_RAW (3 chains, 20 ms)",
  ]);
});

test("does not do without the egress hook unless it is told to", async () => {
  const { around, lines } = pod(
    {},
    kernel((script) => (script.includes("netdev") ? NO_HOOK : undefined)),
  );
  expect(await guardMain(env, around)).toBe(13);
  expect(lines.stderr).toEqual(["GUARD_NO_EGRESS_HOOK: Not this kernel. Another."]);
});

test("with nothing to hold by, names all that was tried", async () => {
  const { around, lines } = pod(
    {},
    kernel((script) => (script.includes("netdev") ? NO_HOOK : NO_FILTER)),
  );
  expect(await guardMain({ ...env, [ENV.egressHook]: "prefer" }, around)).toBe(12);
  expect(lines.stderr).toEqual([
    "GUARD_NO_PACKET_FILTER: Nothing in this pod can hold the addresses: Not this kernel; Nothing there. Another. Something.",
  ]);
});

test("does not try another way where the kernel refuses the guard as such", async () => {
  let applied = 0;
  const refuse = new CodedError("GUARD_NO_CAPABILITY", "No.");
  const { around } = pod(
    {},
    kernel(() => ((applied += 1), refuse)),
  );
  expect(await guardMain({ ...env, [ENV.egressHook]: "prefer" }, around)).toBe(11);
  expect(applied).toBe(1);
});

test.each([
  ["is not there", "nowhere"],
  ["is a folder", "."],
])("does not mind a termination log that %s", async (_, name) => {
  const path = join(folder, name);
  const there = await stat(path).catch(() => undefined);
  const { around, lines } = pod({ reach: async () => ({ kind: "connected" }) });
  expect(await guardMain({ ...env, [ENV.terminationLog]: path }, around)).toBe(14);
  expect(lines.stderr).toHaveLength(1);
  expect((await stat(path).catch(() => undefined))?.ino, "it is not made").toBe(there?.ino);
});

test("gives an error that nobody foresaw a code as well", async () => {
  const { around, lines } = pod({ interfaces: () => Promise.reject(new Error("open\n/proc")) });
  expect(await guardMain(env, around)).toBe(1);
  expect(lines.stderr).toEqual(["GUARD_FAILED: open /proc"]);
});
