import { CommanderError } from "commander";
import { coded, oneLine } from "../../sidecar/kit/errors.ts";
import type { Bind, ExitCode, Io } from "./io.ts";
import { podroleCommand } from "./podrole.ts";

/** What was found of pods, or went wrong here. Every other code is of the command line or of its input. */
const FOUND: ReadonlySet<string> = new Set(["POD_DENIED", "NO_ROLE", "FACTS_UNAVAILABLE", "INTERNAL"]);

/** `podrole <argv>`. Never rejects: an error is one line on standard error, and its exit code. */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  let exitCode = 0;
  const bind: Bind =
    (action) =>
    async (...args) => {
      exitCode = await action(io, ...args);
    };
  try {
    const program = podroleCommand(bind, {
      writeOut: io.stdout.write,
      writeErr: (text) => io.stderr.write(withoutValue(text)),
      getOutHelpWidth: () => io.stdout.columns ?? 80,
      getErrHelpWidth: () => io.stderr.columns ?? 80,
    });
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const known = coded(error);
    io.stderr.write(`${oneLine(known)}\n`);
    return FOUND.has(known.code) ? 1 : 2;
  }
}

/** Commander repeats an option that it does not know with its value, which may be a password. */
const withoutValue = (text: string): string => text.replace(/(unknown option '-*[\w-]*).*'/s, "$1'");
