import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 30_000;

/** Runs a program to its end, whatever its exit code, for at most half a minute. */
export async function command(
  argv: readonly string[],
  options: { input?: string; env?: Env } = {},
): Promise<Ended> {
  const child = start(argv, options.env, TIMEOUT_MS);
  const output = collect(child);
  child.stdin.on("error", () => undefined).end(options.input ?? "");
  return await output;
}

type Env = Readonly<Record<string, string | undefined>>;

/** @param timeout in milliseconds; 0 for a program that the caller ends */
export function start(
  argv: readonly string[],
  env: Env = process.env,
  timeout = 0,
): ChildProcessWithoutNullStreams {
  const [program = "", ...args] = argv;
  return spawn(program, args, { env: { ...env }, timeout, killSignal: "SIGKILL" });
}

export function collect(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (part: Buffer) => (stdout += part.toString()));
  child.stderr.on("data", (part: Buffer) => (stderr += part.toString()));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** The same, for what has to succeed. */
export async function must(argv: readonly string[], options: { input?: string } = {}): Promise<string> {
  const { code, stdout, stderr } = await command(argv, options);
  if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${code}: ${stderr}`);
  return stdout;
}
