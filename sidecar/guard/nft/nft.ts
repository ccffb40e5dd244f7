import { CodedError } from "../../kit/errors.ts";
import { listingOf, type Listing } from "./listing.ts";
import { TABLE_NAME, type Table } from "./table.ts";
import { run as runProgram, RUN_TIMEOUT_MS, RunFailure } from "../run-program.ts";

export interface Nft {
  /** All of the script or, if it throws, none of it. */
  apply(script: string): Promise<void>;
  /** What our tables of these families hold. A kernel without a family cannot be asked about it. */
  list(families: readonly Table["family"][]): Promise<Listing>;
}

const PROGRAM = "nft";

/** The only place that runs the program `nft`. @param path the PATH to look for it in */
export function nft(path: string | undefined): Nft {
  const run = (args: readonly string[], input?: string): Promise<string> =>
    runProgram(PROGRAM, args, { path, input }).catch((error: unknown) => {
      throw error instanceof RunFailure ? failure(error) : error;
    });
  return {
    apply: async (script) => void (await run(["-f", "-"], script)),
    list: async (families) => {
      const [egress, ...documents] = await Promise.all([
        // The table, not the chain: a pod without interfaces has no egress chain.
        families.includes("netdev") ? run(["list", "table", "netdev", TABLE_NAME]) : "",
        ...families.map((family) => run(["-j", "list", "table", family, TABLE_NAME])),
      ]);
      return listingOf(documents.map(parsed), egress);
    },
  };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new CodedError(
      "GUARD_NO_PACKET_FILTER",
      "The program nft of this image cannot list rules as JSON.",
      {
        remedy: "Use podrole's own sidecar image: it brings an nft that does.",
        cause,
      },
    );
  }
}

/** What nft's message means for the pod. After a line of nft's own it holds libc's texts of errno. */
export function failure({ message, stderr, killed, system }: RunFailure): CodedError {
  const said = stderr.split("\n").find((line) => /error|unable|not/i.test(line)) ?? message;
  if (system === "ENOENT" || system === "EACCES") {
    return new CodedError("GUARD_NO_PACKET_FILTER", "This image has no program nft that can be run.", {
      remedy: "Use podrole's own sidecar image: it brings nft.",
    });
  }
  if (system === "EPERM" || stderr.includes("Operation not permitted")) {
    return new CodedError(
      "GUARD_NO_CAPABILITY",
      "The kernel refused packet filter rules from this container.",
      {
        remedy:
          "Let the guard run as uid 0 with the capability NET_ADMIN; a Pod Security level or a policy may have removed it.",
      },
    );
  }
  if (killed) {
    return new CodedError(
      "GUARD_NOT_APPLIED",
      `The program nft did not end within ${RUN_TIMEOUT_MS / 1000} seconds.`,
      {
        remedy: "Look for what locks the node's packet filter; the pod is started again.",
      },
    );
  }
  // nft cannot open its netlink socket, or the kernel does not know nf_tables.
  if (/Unable to initialize Netlink socket|cache initialization failed|Protocol not supported/.test(stderr)) {
    return new CodedError("GUARD_NO_PACKET_FILTER", `The node's kernel has no nf_tables: ${said}.`, {
      remedy: "Run the pod on a node whose kernel has CONFIG_NF_TABLES and CONFIG_NF_TABLES_INET.",
    });
  }
  // nft quotes the line that the kernel refused; an older nft does not know the word egress.
  if (/not supported|syntax error/.test(stderr) && /egress|netdev/.test(stderr)) {
    return new CodedError(
      "GUARD_NO_EGRESS_HOOK",
      `The node's kernel cannot filter what leaves an interface: ${said}.`,
      {
        remedy:
          "Run the pod on a node with Linux 5.16 or later, CONFIG_NF_TABLES_NETDEV and CONFIG_NETFILTER_EGRESS, or set egressHook to prefer.",
      },
    );
  }
  return new CodedError("GUARD_NOT_APPLIED", `The program nft failed: ${said}.`, {
    remedy: "The pod is started again; if it fails again, report this line with the node's kernel version.",
  });
}
