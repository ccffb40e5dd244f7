import { execFile } from "node:child_process";
import { CodedError, systemCode } from "../kit/errors.ts";
import { listingOf, type Listing } from "./listing.ts";
import { TABLE_NAME } from "./rules.ts";

export interface Nft {
  /** All of the script or, if it throws, none of it. */
  apply(script: string): Promise<void>;
  list(): Promise<Listing>;
}

const PROGRAM = "nft";
/** It takes milliseconds; a kernel that waits longer for a lock will not be quicker for a pod that waits. */
const TIMEOUT_MS = 10_000;

/** The only place that runs the program `nft`. @param path the PATH to look for it in */
export function nft(path: string | undefined): Nft {
  return {
    apply: async (script) => {
      await run(path, ["-f", "-"], script);
    },
    list: async () => {
      const [inet, netdev, egress] = await Promise.all([
        run(path, ["-j", "list", "table", "inet", TABLE_NAME]),
        run(path, ["-j", "list", "table", "netdev", TABLE_NAME]),
        // The table, not the chain: a pod without interfaces has no egress chain.
        run(path, ["list", "table", "netdev", TABLE_NAME]),
      ]);
      return listingOf([parsed(inet), parsed(netdev)], egress);
    },
  };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new CodedError(
      "GUARD_NO_PACKET_FILTER",
      "The program nft of this image does not list rules as JSON.",
      {
        remedy: "Use podrole's own sidecar image: it brings an nft that does.",
        cause,
      },
    );
  }
}

function run(path: string | undefined, args: readonly string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      PROGRAM,
      args,
      // The messages are read below, so in no language but the C locale's.
      { env: { LC_ALL: "C", ...(path === undefined ? {} : { PATH: path }) }, timeout: TIMEOUT_MS },
      (error, stdout, stderr) => (error ? reject(failure(error, stderr)) : resolve(stdout)),
    );
    // A program that ends without reading its input breaks the pipe; its own message says more than EPIPE does.
    child.stdin?.on("error", () => undefined).end(input);
  });
}

/** Node's error for a program that did not start, was killed, or ended with a code other than 0. */
export interface RunError extends Error {
  readonly killed?: boolean;
}

/** What nft's own words mean for the pod. They are libc's texts of errno, after a line of nft's. */
export function failure(error: RunError, stderr: string): CodedError {
  const said = stderr.split("\n").find((line) => /error|unable|not/i.test(line)) ?? error.message;
  const system = systemCode(error);
  if (system === "ENOENT" || system === "EACCES") {
    return new CodedError("GUARD_NO_PACKET_FILTER", "There is no program nft to be run in this image.", {
      remedy: "Use podrole's own sidecar image: it brings nft.",
    });
  }
  if (system === "EPERM" || stderr.includes("Operation not permitted")) {
    return new CodedError(
      "GUARD_NO_CAPABILITY",
      "The kernel refused to take packet filter rules from this container.",
      {
        remedy:
          "Let the guard run as uid 0 with the capability NET_ADMIN; a Pod Security level or a policy may have removed it.",
      },
    );
  }
  if (error.killed) {
    return new CodedError(
      "GUARD_NOT_APPLIED",
      `The program nft did not end within ${TIMEOUT_MS / 1000} seconds.`,
      {
        remedy: "Look for what holds the node's packet filter; the pod is started again.",
      },
    );
  }
  // nft cannot open its netlink socket, or the kernel knows no message of nf_tables.
  if (/Unable to initialize Netlink socket|cache initialization failed|Protocol not supported/.test(stderr)) {
    return new CodedError("GUARD_NO_PACKET_FILTER", `The node's kernel has no nf_tables: ${said}.`, {
      remedy: "Run the pod on a node whose kernel has CONFIG_NF_TABLES and CONFIG_NF_TABLES_INET.",
    });
  }
  // nft repeats the line that the kernel did not take; an older nft does not know the word egress.
  if (/not supported|syntax error/.test(stderr) && /egress|netdev/.test(stderr)) {
    return new CodedError(
      "GUARD_NO_EGRESS_HOOK",
      `The node's kernel cannot filter what leaves an interface: ${said}.`,
      {
        remedy:
          "Run the pod on a node with Linux 5.16 or later, CONFIG_NF_TABLES_NETDEV and CONFIG_NETFILTER_EGRESS.",
      },
    );
  }
  return new CodedError("GUARD_NOT_APPLIED", `The program nft could not do its work: ${said}.`, {
    remedy: "The pod is started again; if it stays so, report this line with the node's kernel version.",
  });
}
