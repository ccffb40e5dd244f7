import { systemClock } from "../kit/clock.ts";
import type { Env } from "../kit/env.ts";
import { coded, oneLine } from "../kit/errors.ts";
import { createLog } from "../kit/log.ts";
import { reach } from "../kit/reach.ts";
import { writeTerminationMessage } from "../kit/termination.ts";
import { writeAll } from "../kit/write-all.ts";
import { parseGuardConfig, type GuardConfig } from "./config.ts";
import { EXIT_OK, exitOf } from "./exits.ts";
import { guard, type Guarded, type GuardDeps } from "./guard.ts";
import { interfaces } from "./interfaces.ts";
import { iptables, iptablesFilter } from "./iptables/iptables.ts";
import { nftFilter } from "./nft/filter.ts";
import { nft } from "./nft/nft.ts";
import { readGreeting, standIn } from "./stand-in.ts";
import { guardThenDrop } from "./then-drop.ts";

/** What the guard touches of the world outside. */
export interface Surroundings extends Pick<
  GuardDeps,
  "filters" | "interfaces" | "reach" | "readGreeting" | "standIn" | "word"
> {
  readonly stdout: (line: string) => void;
  readonly stderr: (line: string) => void;
  /** Milliseconds, from any start. */
  readonly now: () => number;
}

/** The command `guard`. @returns the exit code, one of exits.ts */
export const guardMain = (env: Env, around: Surroundings = surroundings(env)): Promise<number> =>
  proven(env, around, guard, (line) => writeTerminationMessage(env, line));

/**
 * The first half of the command `guard-and-serve`: afterwards the process has no rights left. @returns as {@link guardMain}; the
 * termination message stays empty unless it fails, since the sidecar goes on
 */
export const guardAndDrop = (env: Env, around: Surroundings = surroundings(env)): Promise<number> =>
  proven(env, around, guardThenDrop);

async function proven(
  env: Env,
  around: Surroundings,
  prove: (deps: GuardDeps) => Promise<Guarded>,
  onSuccess?: (line: string) => void,
): Promise<number> {
  const started = around.now();
  try {
    const config = parseGuardConfig(env);
    const guarded = await prove({ ...around, config, log: createLog(config.logLevel, "guard") });
    const line = success(config, guarded, around.now() - started);
    around.stdout(line);
    onSuccess?.(line);
    return EXIT_OK;
  } catch (thrown) {
    const error = coded(thrown, "GUARD_FAILED");
    const line = oneLine(error);
    around.stderr(line);
    writeTerminationMessage(env, line);
    return exitOf(error.code);
  }
}

function surroundings(env: Env): Surroundings {
  const path = env["PATH"];
  const program = nft(path);
  return {
    filters: [
      nftFilter(program, true),
      nftFilter(program, false),
      iptablesFilter("nft", iptables(path, "nft")),
      iptablesFilter("legacy", iptables(path, "legacy")),
    ],
    interfaces,
    reach,
    readGreeting,
    standIn,
    // Loaded only where it is needed: node:crypto takes 4 ms.
    word: () => process.getBuiltinModule("node:crypto").randomBytes(16).toString("hex"),
    stdout: (line) => writeAll(1, `${line}\n`),
    stderr: (line) => writeAll(2, `${line}\n`),
    now: () => systemClock.elapsed(),
  };
}

function success(config: GuardConfig, guarded: Guarded, ms: number): string {
  const { addresses, openUid, imds, imdsPort, sidecar } = config;
  const verb = addresses.length === 1 ? "is" : "are";
  const exception = openUid === undefined ? "" : ` of every uid but ${openUid}`;
  const { hooks, interfaces: count, filter, egressHook } = guarded;
  // Worth knowing of a pod that starts all the same: only one of two walls protects it.
  const lacking = egressHook
    ? ""
    : ` by ${filter} without the kernel's egress hook, so only as long as no container has NET_RAW`;
  const emulated =
    imds === "emulate"
      ? `; the sidecar answers at port 80 in place of the metadata service, from port ${imdsPort}`
      : "";
  const ports =
    sidecar === undefined ? "" : `; only uid ${sidecar.uid} answers at ${portsText(sidecar.ports)}`;
  const interfacesText = egressHook ? [`${count} ${count === 1 ? "interface" : "interfaces"}`] : [];
  const facts = [`${hooks} chains`, ...interfacesText, `${Math.round(ms)} ms`].join(", ");
  return `podrole guard: ${addresses.join(" and ")} ${verb} out of reach${exception}${lacking}${emulated}${ports} (${facts})`;
}

const portsText = (ports: readonly number[]): string =>
  ports.length === 1
    ? `port ${ports.join("")}`
    : `ports ${ports.slice(0, -1).join(", ")} and ${ports.at(-1)}`;
