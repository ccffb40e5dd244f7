import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { ENV } from "../../../sidecar/contract/env.ts";
import { guardMain, type Surroundings } from "../../../sidecar/guard/main.ts";
import { nftFilter } from "../../../sidecar/guard/nft/filter.ts";
import type { Listing } from "../../../sidecar/guard/nft/listing.ts";
import type { Nft } from "../../../sidecar/guard/nft/nft.ts";
import { resetRule } from "../../../sidecar/guard/nft/rules.ts";
import type { Table } from "../../../sidecar/guard/nft/table.ts";
import { tablesFor } from "../../../sidecar/guard/nft/tables.ts";
import type { Greeting } from "../../../sidecar/guard/stand-in.ts";
import type { Reach } from "../../../sidecar/kit/reach.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { PODS, recorded } from "./nft/listings.ts";
import { tempFolder } from "../../support/temp-files.ts";

const REFUSED: Reach = { kind: "refused", code: "ECONNREFUSED" };

let folder: string;
let terminationLog: string;
let env: Record<string, string>;

beforeEach(async () => {
  folder = tempFolder();
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

/** A pod where everything works, except for what a test replaces. */
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
    readGreeting: async (address) => {
      steps.push(`greeting ${address}`);
      return { kind: "connected", said: "word" };
    },
    standIn: async (port) => {
      steps.push(`listen ${port}`);
      return { close: async () => void steps.push("close") };
    },
    word: () => "word",
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

test("the guard applies its rules, reads them back, connects and counts, in this order", async () => {
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
  expect(await guardMain({ ...env, [ENV.podIp]: "FD00::1", [ENV.hostIp]: "fd00:0::1" }, around)).toBe(10);
  expect(steps).toEqual([]);
  expect(lines.stderr).toEqual([expect.stringMatching(/^GUARD_HOST_NETWORK: .* Remove hostNetwork/)]);
});

test("the guard changes nothing and exits with 2 when its configuration is bad", async () => {
  const { around, steps, lines } = pod();
  expect(await guardMain({ ...env, [ENV.blockedAddresses]: "" }, around)).toBe(2);
  expect(steps).toEqual([]);
  expect(lines.stderr).toEqual([`CONFIG_INVALID: ${ENV.blockedAddresses} is not set.`]);
});

test("the guard proves nothing when the kernel refused its rules", async () => {
  const refuse = new CodedError("GUARD_NO_CAPABILITY", "No.", { remedy: "Do." });
  const { around, steps, lines } = pod({}, { apply: () => Promise.reject(refuse) });
  expect(await guardMain(env, around)).toBe(11);
  expect(steps).toEqual(["interfaces"]);
  expect(lines.stderr).toEqual(["GUARD_NO_CAPABILITY: No. Do."]);
});

test("the guard does not connect while the rules in the kernel are not its own", async () => {
  const nothing: Listing = { tables: [], chains: [], devices: [] };
  const { around, steps, lines } = pod({}, { list: async () => nothing });
  expect(await guardMain(env, around)).toBe(15);
  expect(steps).not.toContain("connect");
  expect(lines.stderr).toEqual([expect.stringMatching(/^GUARD_RULES_MISSING: .*the inet table is missing/)]);
});

test("the guard fails when an interface has come up meanwhile", async () => {
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
  const answers = async (address: string): Promise<Reach> =>
    address.includes(":") ? { kind: "connected" } : { kind: "refused", code: "EHOSTUNREACH" };
  const { around, lines } = pod({ reach: answers });
  expect(await guardMain(env, around)).toBe(14);
  expect(lines.stderr.join()).toContain("fd00:ec2::254 port 80 answered");
});

test("the guard replaces the termination message with its one line", async () => {
  const { around, lines } = pod({ reach: async () => ({ kind: "connected" }) });
  await guardMain(env, around);
  expect([await readFile(terminationLog, "utf8")]).toEqual(lines.stderr);
});

test("the guard writes its success into the termination message too", async () => {
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

test("the guard does without the egress hook when it may, and says what protection then depends on", async () => {
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

test("the guard fails without the egress hook unless it may do without", async () => {
  const { around, lines } = pod(
    {},
    kernel((script) => (script.includes("netdev") ? NO_HOOK : undefined)),
  );
  expect(await guardMain(env, around)).toBe(13);
  expect(lines.stderr).toEqual(["GUARD_NO_EGRESS_HOOK: Not this kernel. Another."]);
});

test("the guard names everything it tried when no packet filter works", async () => {
  const { around, lines } = pod(
    {},
    kernel((script) => (script.includes("netdev") ? NO_HOOK : NO_FILTER)),
  );
  expect(await guardMain({ ...env, [ENV.egressHook]: "prefer" }, around)).toBe(12);
  expect(lines.stderr).toEqual([
    "GUARD_NO_PACKET_FILTER: No packet filter in this pod can block the addresses: Not this kernel; Nothing there. Another. Something.",
  ]);
});

test("the guard tries no other packet filter when it lacks the capability", async () => {
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
  ["does not exist", "nowhere"],
  ["is a folder", "."],
])("the guard ignores a termination log that %s", async (_, name) => {
  const path = join(folder, name);
  const there = await stat(path).catch(() => undefined);
  const { around, lines } = pod({ reach: async () => ({ kind: "connected" }) });
  expect(await guardMain({ ...env, [ENV.terminationLog]: path }, around)).toBe(14);
  expect(lines.stderr).toHaveLength(1);
  expect((await stat(path).catch(() => undefined))?.ino, "it is not created").toBe(there?.ino);
});

test("the guard gives an unforeseen error the code GUARD_FAILED", async () => {
  const { around, lines } = pod({ interfaces: () => Promise.reject(new Error("open\n/proc")) });
  expect(await guardMain(env, around)).toBe(1);
  expect(lines.stderr).toEqual(["GUARD_FAILED: open /proc"]);
});

describe("the guard, when the metadata service is emulated,", () => {
  const PAIR = ["169.254.169.254", "fd00:ec2::254"];
  const emulated = (): Record<string, string> => ({ ...env, [ENV.imds]: "emulate" });
  /** A kernel that holds the rules of this mode. */
  const taken = (): Partial<Nft> => {
    const tables = tablesFor(PODS.emulate);
    let calls = 0;
    const list = async (): Promise<Listing> => {
      calls += 1;
      return listingFrom(tables, calls);
    };
    return { list };
  };

  test("listens at the sidecar's port and is answered from there at the metadata addresses", async () => {
    const { around, steps, lines } = pod({}, taken());
    expect({ code: await guardMain(emulated(), around), ...lines }).toMatchObject({ code: 0, stderr: [] });
    expect(steps.slice(-4)).toEqual([
      "listen 16927",
      ...PAIR.map((address) => `greeting ${address}`),
      "close",
    ]);
    expect(lines.stdout[0]).toContain("answers at port 80 in place of the metadata service, from port 16927");
  });

  test.each<[string, Greeting, string]>([
    ["a word that is not its own", { kind: "connected", said: "HTTP" }, "and it was not the sidecar's port"],
    [
      "a service that says nothing by itself",
      { kind: "connected", said: "" },
      "and it was not the sidecar's port",
    ],
    ["silence", { kind: "timeout" }, "was silent"],
    ["a refusal", { kind: "refused", code: "ECONNREFUSED" }, "not led to the sidecar's port"],
    ["an error of its own", { kind: "refused", code: "EMFILE" }, "ended with EMFILE"],
  ])("fails closed on %s, and closes its port", async (_, outcome, says) => {
    const { around, steps, lines } = pod({ readGreeting: async () => outcome }, taken());
    expect(await guardMain(emulated(), around)).toBe(14);
    expect(lines.stderr[0]).toMatch(/^GUARD_NOT_HOLDING: /);
    for (const address of PAIR) expect(lines.stderr[0]).toContain(`${address} port 80`);
    expect(lines.stderr[0]).toContain(says);
    expect(steps.at(-1)).toBe("close");
  });

  test("succeeds when the pod has no way there", async () => {
    const { around } = pod({ readGreeting: async () => ({ kind: "refused", code: "ENETUNREACH" }) }, taken());
    expect(await guardMain(emulated(), around)).toBe(0);
  });
});

/** What nft would list of these tables. With every call, two more connections have been reset. */
function listingFrom(tables: readonly Table[], calls: number): Listing {
  const chains = tables.flatMap((table) => table.chains.map((chain) => ({ ...chain, family: table.family })));
  return {
    tables: tables.map(({ family }) => ({ family, hasFlags: false })),
    devices: ["eth0", "net1"],
    chains: chains.map(({ family, name, base, rules }) => ({
      family,
      name,
      base: base ? `${base.type ?? "filter"} ${base.hook} ${base.priority} ${base.policy}` : "",
      rules: rules.map(({ rule }) => ({ rule, packets: calls * 2 })),
    })),
  };
}
