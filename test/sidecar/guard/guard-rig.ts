import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENV } from "../../../sidecar/contract/env.ts";
import type { Surroundings } from "../../../sidecar/guard/main.ts";
import { nftFilter } from "../../../sidecar/guard/nft/filter.ts";
import type { Listing } from "../../../sidecar/guard/nft/listing.ts";
import type { Nft } from "../../../sidecar/guard/nft/nft.ts";
import type { Table } from "../../../sidecar/guard/nft/table.ts";
import { resetRule } from "../../../sidecar/guard/nft/rules.ts";
import type { Reach } from "../../../sidecar/kit/reach.ts";
import { tempFolder } from "../../support/temp-files.ts";
import { recorded } from "./nft/listings.ts";

export const REFUSED: Reach = { kind: "refused", code: "ECONNREFUSED" };

/** What the guard of a pod is configured by, with a termination log of its own. */
export function guardEnv() {
  const folder = tempFolder();
  const terminationLog = join(folder, "termination-log");
  writeFileSync(terminationLog, "what an earlier attempt left, longer than what comes now ".repeat(20));
  const env: Readonly<Record<string, string>> = {
    [ENV.blockedAddresses]: "169.254.169.254,fd00:ec2::254",
    [ENV.podIp]: "10.1.2.3",
    [ENV.hostIp]: "10.0.0.1",
    [ENV.terminationLog]: terminationLog,
    [ENV.logLevel]: "silent",
  };
  return { folder, terminationLog, env };
}

/** A pod where everything works, except for what a test replaces. */
export function pod(other: Partial<Surroundings> = {}, kernel: Partial<Nft> = {}) {
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

/** A kernel that holds exactly these tables, and has counted more packets at each look. */
export function listingFrom(tables: readonly Table[], calls: number): Listing {
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
