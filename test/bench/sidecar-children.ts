import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const alive = new Set<ChildProcess>();
const killAll = (): void => {
  for (const child of alive) child.kill("SIGKILL");
};
// Also when the benchmark fails or is interrupted: `exit` handlers run in both cases, but a signal needs its own handler.
process.once("exit", killAll);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

export interface Program {
  readonly pid: number;
  /** `performance.now()` just before the process was created. */
  readonly startedAt: number;
  /** Its standard error so far. */
  readonly output: () => string;
  readonly hasExited: () => boolean;
  /** Resolves to the exit code, or to undefined after a signal. */
  readonly exited: Promise<number | undefined>;
  readonly stop: () => Promise<void>;
}

/** Starts Node with exactly these arguments and variables. */
export function start(args: readonly string[], env: Readonly<Record<string, string>>): Program {
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  alive.add(child);
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  const exited = once(child, "exit").then(([code]: unknown[]) => {
    alive.delete(child);
    return typeof code === "number" ? code : undefined;
  });
  return {
    pid: child.pid ?? 0,
    startedAt,
    output: () => output,
    hasExited: () => !alive.has(child),
    exited,
    stop: async () => {
      child.kill("SIGTERM");
      const impatience = setTimeout(() => child.kill("SIGKILL"), 2000);
      await exited;
      clearTimeout(impatience);
    },
  };
}

export interface Helper {
  /** Sends the message, if any, and resolves to the next message that arrives. */
  readonly ask: (message?: object) => Promise<unknown>;
}

/** One of the benchmark's own programs, controlled by messages. It ends with the benchmark. */
export function helper(file: string, args: readonly string[] = []): Helper {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, { execArgv: [] });
  alive.add(child);
  const ended = once(child, "exit").then(([code]: unknown[]) => {
    throw new Error(`${file} ended with ${String(code)}`);
  });
  // The next `ask` reports the error.
  ended.catch(() => undefined);
  return {
    ask: async (message) => {
      const answer = once(child, "message");
      if (message !== undefined) child.send(message);
      const [first]: unknown[] = await Promise.race([answer, ended]);
      return first;
    },
  };
}

/** Of one process, in MB: what it has for itself, and that with its share of what it shares with others. */
export interface Memory {
  readonly privateMb: number;
  readonly pssMb: number;
}

export async function memory(pid: number): Promise<Memory> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  const mb = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(rollup)?.[1]) / 1024;
  return { privateMb: mb("Private_Clean") + mb("Private_Dirty"), pssMb: mb("Pss") };
}

/** The CPU time so far, by the scheduler's count in nanoseconds, of the threads that exist now. */
export async function startCpuMs(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const texts = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/schedstat`, "utf8")),
  );
  return texts.reduce((sum, text) => sum + Number(text.split(" ")[0]), 0) / 1e6;
}
