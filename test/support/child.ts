import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export interface Child {
  readonly pid: number;
  /** Standard output and standard error so far. */
  readonly output: () => string;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** The exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
}

const MAIN = fileURLToPath(new URL("../../sidecar/main.ts", import.meta.url));

/** Starts `podrole-sidecar <command>` with exactly these variables. The process ends with the test. */
export function sidecar(
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Child {
  return child([MAIN, ...command], env);
}

/** Starts a Node program as a separate process. */
export function child(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Child {
  return runChild(process.execPath, args, env);
}

export function runChild(...given: Parameters<typeof startChild>): Child {
  const started = startChild(...given);
  onTestFinished(() => started.kill("SIGKILL"));
  return started;
}

/** The same for hooks, which have to end the process themselves. */
export function startChild(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Child {
  const spawned = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  spawned.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  spawned.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  const exited = once(spawned, "close").then(([code, signal]: unknown[]) =>
    typeof code === "number" ? code : (String(signal) as NodeJS.Signals),
  );
  return {
    pid: spawned.pid ?? 0,
    output: () => output,
    kill: (signal) => void spawned.kill(signal),
    exited,
  };
}
