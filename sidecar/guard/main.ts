import { ENV } from "../contract.ts";
import type { Env } from "../kit/env.ts";
import { coded, oneLine } from "../kit/errors.ts";
import { createLog } from "../kit/log.ts";
import { reach } from "../reach.ts";
import { writeTerminationMessage } from "../termination.ts";
import { parseGuardConfig, type GuardConfig } from "./config.ts";
import { guard, type Guarded, type GuardDeps } from "./guard.ts";
import { interfaces } from "./interfaces.ts";
import { nft } from "./nft.ts";

/** What the guard touches of the world outside. */
export interface Surroundings extends Pick<GuardDeps, "nft" | "interfaces" | "reach"> {
  readonly stdout: (line: string) => void;
  readonly stderr: (line: string) => void;
  /** Milliseconds, from any start. */
  readonly now: () => number;
}

/** The command `guard`. @returns the exit code: 0 guarded and proven, 1 not, 2 badly configured */
export async function guardMain(env: Env, around: Surroundings = surroundings(env)): Promise<number> {
  const started = around.now();
  try {
    const config = parseGuardConfig(env);
    const guarded = await guard({ ...around, config, log: createLog(config.logLevel, "guard") });
    around.stdout(success(config, guarded, around.now() - started));
    return 0;
  } catch (thrown) {
    const error = coded(thrown, "GUARD_FAILED");
    const line = oneLine(error);
    around.stderr(line);
    writeTerminationMessage(env[ENV.terminationLog], line);
    return error.code === "CONFIG_INVALID" ? 2 : 1;
  }
}

function surroundings(env: Env): Surroundings {
  return {
    nft: nft(env["PATH"]),
    interfaces,
    reach,
    stdout: (line) => process.stdout.write(`${line}\n`),
    stderr: (line) => process.stderr.write(`${line}\n`),
    now: () => performance.now(),
  };
}

function success(
  { addresses, openUid }: GuardConfig,
  { hooks, interfaces: count }: Guarded,
  ms: number,
): string {
  const verb = addresses.length === 1 ? "is" : "are";
  const exception = openUid === undefined ? "" : ` of every uid but ${openUid}`;
  const facts = `${hooks} chains, ${count} ${count === 1 ? "interface" : "interfaces"}, ${Math.round(ms)} ms`;
  return `podrole guard: ${addresses.join(" and ")} ${verb} out of reach${exception} (${facts})`;
}
