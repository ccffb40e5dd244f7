import { systemClock } from "../kit/clock.ts";
import type { Env } from "../kit/env.ts";
import { coded } from "../kit/errors.ts";
import { createLog } from "../kit/log.ts";
import { writeTerminationMessage } from "../kit/termination.ts";
import { writeAll } from "../kit/write-all.ts";
import { loopbackPackets } from "../proof/loopback.ts";
import { prove } from "../proof/prove.ts";
import type { Verdict } from "../proof/verdict.ts";
import { parseVerifyConfig } from "./config.ts";
import { EXIT_OK, exitOf } from "./exits.ts";
import { waysToClose } from "./ways-to-close.ts";

/** What the command touches of the world outside. */
export interface VerifySurroundings {
  readonly prove: typeof prove;
  /** Both take whole lines. */
  readonly stdout: (lines: string) => void;
  readonly stderr: (lines: string) => void;
  /** Milliseconds, from any start. */
  readonly now: () => number;
}

/** A service that needs longer for an answer is not taken for one that gives none: its GET is without an answer, too. */
const WAIT_MS = 2000;

/**
 * The command `verify`, the guard of a pod in mode `verify`: changes nothing, and proves that neither a token nor credentials can be had.
 * @returns the exit code, one of exits.ts
 * @throws CodedError `CONFIG_INVALID`
 */
export async function verifyMain(
  env: Env,
  { stdout, stderr, now, ...around }: VerifySurroundings = surroundings,
): Promise<number> {
  const started = now();
  const { addresses, logLevel } = parseVerifyConfig(env);
  const log = createLog(logLevel, "guard", stderr);
  try {
    const verdicts = await around.prove(addresses, {
      waitMs: WAIT_MS,
      // No other container of the pod runs yet.
      loopback: loopbackPackets,
      onTry: (address, { question: { method, path }, outcome }) =>
        log.debug({ address, method, path, outcome }, "tried"),
    });
    const failed = verdicts.find(({ kind }) => kind !== "held");
    const text = failed === undefined ? success(verdicts, now() - started) : failure(failed, addresses);
    (failed === undefined ? stdout : stderr)(`${text}\n`);
    writeTerminationMessage(env, text);
    return failed === undefined ? EXIT_OK : exitOf(codeOf(failed));
  } catch (thrown) {
    throw coded(thrown, "GUARD_FAILED");
  }
}

const surroundings: VerifySurroundings = {
  prove,
  stdout: (lines) => writeAll(1, lines),
  stderr: (lines) => writeAll(2, lines),
  now: () => systemClock.elapsed(),
};

const success = (verdicts: readonly Verdict[], ms: number): string =>
  `podrole guard: neither a token nor credentials can be had, and nothing was changed: ${verdicts.map(({ said }) => said).join("; ")} (${Math.round(ms)} ms)`;

const codeOf = ({ kind }: Verdict): "METADATA_REACHABLE" | "METADATA_UNPROVEN" =>
  kind === "reachable" ? "METADATA_REACHABLE" : "METADATA_UNPROVEN";

/** The sentence is one line, as with all codes. The ways below it have a line each, to be copied. */
function failure(verdict: Verdict, addresses: readonly string[]): string {
  const sentence =
    verdict.kind === "reachable"
      ? `${verdict.said}, so this pod may get the credentials of its node. Close the address in one of these ways:`
      : `${verdict.said}, which proves nothing. It may pass: the guard is tried again. Otherwise see whether the pod's network was complete, or close the address in one of these ways:`;
  return [`${codeOf(verdict)}: ${sentence}`, ...waysToClose(addresses)].join("\n");
}
