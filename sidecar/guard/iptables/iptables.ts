import { CodedError } from "../../kit/errors.ts";
import type { PacketFilter, ResetCounts } from "../packet-filter.ts";
import { isIPv4 } from "../../kit/address.ts";
import { run, RunFailure } from "../run-program.ts";
import { iptablesDifferences, iptablesResets, iptablesScript, JUMPS, type Version } from "./rules.ts";

/** The same language twice: `nft` writes into nf_tables' tables of one IP version, `legacy` into ip_tables. */
export type BackEnd = "nft" | "legacy";

export interface Iptables {
  /** The table `filter`, with its counters. */
  save(version: Version): Promise<string>;
  restore(version: Version, script: string): Promise<void>;
}

const VERSIONS: readonly Version[] = [4, 6];

/**
 * The legacy back end locks a file while it works, and would create it, but the image is read-only. Any existing file
 * will do: in this pod nothing else changes the rules yet.
 */
const LOCK_FILE = "/dev/null";

/** The only place that runs the programs of iptables. @param path the PATH to look for them in */
export function iptables(path: string | undefined, backEnd: BackEnd): Iptables {
  const program = (version: Version, verb: "save" | "restore"): string =>
    `${version === 4 ? "iptables" : "ip6tables"}-${backEnd}-${verb}`;
  const start = async (name: string, args: readonly string[], input?: string): Promise<string> =>
    run(name, args, { path, input, env: { XTABLES_LOCKFILE: LOCK_FILE } }).catch((error: unknown) => {
      throw error instanceof RunFailure ? failure(name, error) : error;
    });
  return {
    save: (version) => start(program(version, "save"), ["-c", "-t", "filter"]),
    restore: async (version, script) =>
      void (await start(program(version, "restore"), ["--noflush"], script)),
  };
}

export function iptablesFilter(backEnd: BackEnd, program: Iptables): PacketFilter {
  const saved = (): Promise<readonly string[]> =>
    Promise.all(VERSIONS.map((version) => program.save(version)));
  const resetsIn = ([four = "", six = ""]: readonly string[], addresses: readonly string[]): ResetCounts =>
    new Map(addresses.map((address) => [address, iptablesResets(address, isIPv4(address) ? four : six)]));
  return {
    name: `iptables-${backEnd}`,
    egressHook: false,
    apply: async (input) => {
      if (input.redirectPort !== undefined) throw cannotEmulate(backEnd);
      // Each IP version is a transaction of its own. If the second fails, the rules of the first stay: they open nothing.
      for (const version of VERSIONS)
        await program.restore(version, iptablesScript(version, input, await program.save(version)));
    },
    readBack: async (input) => {
      const texts = await saved();
      return {
        differences: VERSIONS.flatMap((version, at) => iptablesDifferences(version, input, texts[at] ?? "")),
        resetCounts: resetsIn(texts, input.addresses),
        hooks: VERSIONS.length * JUMPS.length,
        interfaces: 0,
      };
    },
    resetCounts: async (input) => resetsIn(await saved(), input.addresses),
  };
}

/**
 * A choice: every kernel that runs Kubernetes with native sidecars can have nf_tables. And the pod's other agents share
 * iptables' NAT table, which has no order among them, so a redirect of theirs could come before ours.
 */
const cannotEmulate = (backEnd: BackEnd): CodedError =>
  new CodedError(
    "GUARD_NO_PACKET_FILTER",
    `iptables-${backEnd} can block the metadata service but not emulate it.`,
    { remedy: "Run the pod on a node whose kernel has nf_tables, or without podrole.dev/imds: emulate." },
  );

/** Any iptables failure means that there is no packet filter; stderr says why. */
function failure(name: string, { stderr, message, system }: RunFailure): CodedError {
  const missing = system === "ENOENT" || system === "EACCES";
  const said = stderr.split("\n").find((line) => line.trim() !== "" && !line.startsWith("#")) ?? message;
  return new CodedError(
    "GUARD_NO_PACKET_FILTER",
    missing ? `This image has no program ${name} that can be run.` : `${name}: ${said.trim()}.`,
    {
      remedy: name.includes("-legacy-")
        ? "The legacy back end needs the node's modules ip_tables, ip6_tables, xt_conntrack and ipt_REJECT, and NET_RAW in the guard (the setting guardNetRaw)."
        : "Run the pod on a node whose kernel has nf_tables.",
    },
  );
}
