import { execFileSync } from "node:child_process";

interface Options {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Shows what the program writes to its standard error while it runs. */
  readonly isShown?: boolean;
}

/**
 * Runs a program to its end. @returns its standard output
 * @throws Error with what it wrote to its standard error, if it fails
 */
export function run(program: string, args: readonly string[], options: Options = {}): string {
  const { cwd, env = process.env, isShown = false } = options;
  return execFileSync(program, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", isShown ? "inherit" : "pipe"],
    maxBuffer: 256 * 1024 * 1024,
  });
}
