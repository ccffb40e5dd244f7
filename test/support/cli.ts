import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Environment, Output } from "../../injector/cli/io.ts";
import { plainPaint } from "../../injector/cli/print/paint.ts";
import { run } from "../../injector/cli/run.ts";

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** For tests that need a separate process. */
export const CLI = fileURLToPath(new URL("../../injector/cli/main.ts", import.meta.url));
/** A home folder that does not exist, so that there is no kubeconfig. */
export const HOME = join(tmpdir(), "podrole-nobody");

/** Runs `podrole <args>` in this process, with this standard input, without a terminal and, unless `env` names one, without a kubeconfig. */
export async function podrole(
  args: readonly string[],
  input = "",
  interrupted = new AbortController().signal,
  env: Environment = { HOME },
): Promise<Run> {
  const [stdout, stderr] = [written(), written()];
  const code = await run(args, {
    stdin: Readable.from([input]),
    stdout,
    stderr,
    env,
    interrupted: () => interrupted,
  });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

function written(): Output & { readonly text: () => string } {
  const pieces: string[] = [];
  return {
    write: (text) => void pieces.push(text),
    columns: undefined,
    paint: plainPaint,
    text: () => pieces.join(""),
  };
}
