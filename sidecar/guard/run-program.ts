import { execFile } from "node:child_process";
import { systemCode } from "../kit/errors.ts";

/** It takes milliseconds. A kernel that waits longer for a lock would not finish sooner if the pod waited more. */
export const RUN_TIMEOUT_MS = 10_000;

/** A program that did not start, was killed, or ended with a code other than 0. */
export class RunFailure extends Error {
  readonly stderr: string;
  /** Whether it was killed because it took too long. */
  readonly killed: boolean;
  /** The errno's name, if it did not even start. */
  readonly system: string | undefined;

  constructor(error: Error & { readonly killed?: boolean }, stderr: string) {
    super(error.message, { cause: error });
    this.stderr = stderr;
    this.killed = error.killed ?? false;
    this.system = systemCode(error);
  }
}

interface Options {
  /** The PATH that is searched for the program. */
  readonly path: string | undefined;
  readonly input?: string | undefined;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a program and gives its standard output.
 * @throws RunFailure
 */
export function run(program: string, args: readonly string[], options: Options): Promise<string> {
  const { path, input = "", env } = options;
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      // Their messages are parsed, so they have to be in the C locale.
      {
        env: { LC_ALL: "C", ...env, ...(path === undefined ? {} : { PATH: path }) },
        timeout: RUN_TIMEOUT_MS,
      },
      (error, stdout, stderr) => (error ? reject(new RunFailure(error, stderr)) : resolve(stdout)),
    );
    // A program that ends without reading its input breaks the pipe; its own message says more than EPIPE does.
    child.stdin?.on("error", () => undefined).end(input);
  });
}
