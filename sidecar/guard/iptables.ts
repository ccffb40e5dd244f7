import { CodedError } from "../kit/errors.ts";
import type { PacketFilter, Resets } from "./filter.ts";
import {
  iptablesDifferences,
  iptablesResets,
  iptablesScript,
  JUMPS,
  type Version,
} from "./iptables-rules.ts";
import { isIPv4 } from "../kit/address.ts";
import { run, RunFailure } from "./run.ts";

/** The same language twice: `nft` writes into nf_tables' tables of one IP version, `legacy` into ip_tables. */
export type BackEnd = "nft" | "legacy";

export interface Iptables {
  /** Counters included. */
  save(version: Version): Promise<string>;
  restore(version: Version, script: string): Promise<void>;
}

const VERSIONS: readonly Version[] = [4, 6];

/**
 * Where the legacy back end keeps others out while it works. It would make a file, in an image that is read-only; any
 * file that is there serves, and in this pod nobody else is at work yet.
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
  const resetsIn = ([four = "", six = ""]: readonly string[], addresses: readonly string[]): Resets =>
    new Map(addresses.map((address) => [address, iptablesResets(address, isIPv4(address) ? four : six)]));
  return {
    name: `iptables-${backEnd}`,
    egressHook: false,
    put: async (input) => {
      if (input.emulatedAt !== undefined) throw cannotEmulate(backEnd);
      // Each IP version is a transaction of its own. What one has taken stays if the other fails: it opens nothing.
      for (const version of VERSIONS)
        await program.restore(version, iptablesScript(version, input, await program.save(version)));
    },
    read: async (input) => {
      const texts = await saved();
      return {
        differences: VERSIONS.flatMap((version, at) => iptablesDifferences(version, input, texts[at] ?? "")),
        resets: resetsIn(texts, input.addresses),
        hooks: VERSIONS.length * JUMPS.length,
        interfaces: 0,
      };
    },
    resets: async (input) => resetsIn(await saved(), input.addresses),
  };
}

/**
 * By choice. Every kernel that runs Kubernetes with native sidecars can have nf_tables; and iptables' NAT, which the pod's
 * other agents share, knows no order among them, so that a redirect of theirs could come before ours.
 */
const cannotEmulate = (backEnd: BackEnd): CodedError =>
  new CodedError(
    "GUARD_NO_PACKET_FILTER",
    `iptables-${backEnd} can block the metadata service and not emulate it.`,
    { remedy: "Run the pod on a node whose kernel has nf_tables, or without podrole.dev/imds: emulate." },
  );

/** Whatever keeps iptables from its work, there is no packet filter to be had by it; the words say why. */
function failure(name: string, { stderr, message, system }: RunFailure): CodedError {
  const missing = system === "ENOENT" || system === "EACCES";
  const said = stderr.split("\n").find((line) => line.trim() !== "" && !line.startsWith("#")) ?? message;
  return new CodedError(
    "GUARD_NO_PACKET_FILTER",
    missing ? `There is no program ${name} to be run in this image.` : `${name}: ${said.trim()}.`,
    {
      remedy: name.includes("-legacy-")
        ? "The legacy back end needs the node's modules ip_tables, ip6_tables, xt_conntrack and ipt_REJECT, and NET_RAW in the guard (--guard-net-raw)."
        : "Run the pod on a node whose kernel has nf_tables.",
    },
  );
}
