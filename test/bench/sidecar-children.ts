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
  /** Stops it by a signal that lets Node write its compile cache. */
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

const MB = 1024 * 1024;

export interface Memory {
  readonly rssAnonMb: number;
  readonly rssMb: number;
}

export async function memory(pid: number): Promise<Memory> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const mb = (name: string): number => {
    const kb = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
    return (Number(kb) * 1024) / MB;
  };
  return { rssAnonMb: mb("RssAnon"), rssMb: mb("VmRSS") };
}

/** Linux reports CPU times in hundredths of a second, independent of the kernel's clock. */
const MS_PER_TICK = 10;

/** Finer than {@link cpuMs}: the scheduler's count in nanoseconds, of the threads that exist now. */
export async function startCpuMs(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const texts = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/schedstat`, "utf8")),
  );
  return texts.reduce((sum, text) => sum + Number(text.split(" ")[0]), 0) / 1e6;
}

/** The CPU time so far of all threads, in user and kernel mode. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name in brackets may contain blanks, so the fields are counted after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}
