import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { CodedError, systemCode } from "../../../../sidecar/kit/errors.ts";
import type { Cleanup } from "../cleanup.ts";
import type { Environment } from "./expand.ts";
import { ProcessFailed } from "./process-failed.ts";

export interface Ended {
  /** The exit code, or the signal's name. */
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly pid: number;
  /** Never rejects. */
  readonly ended: Promise<Ended>;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Sends a line and gives the next line that comes back. */
  readonly ask: (line: string) => Promise<string>;
  /** The next line of standard output. */
  readonly line: () => Promise<string>;
  /** The next whole line that `matches`, of either output: of ours, some log to one and some to the other. */
  readonly logged: (matches: (line: string) => boolean) => Promise<string>;
}

/** Starts processes, each to be killed, by its pid, when the demo cleans up. */
export interface Processes {
  readonly start: (argv: readonly string[], env: Environment) => Promise<Started>;
  /** To its end, whatever that is. */
  readonly run: (argv: readonly string[], env: Environment, input?: string) => Promise<Ended>;
}

const OUTPUT_MAX = 256 * 1024;

/** @param signal when it aborts every process is killed, and none is started any more */
export function createProcesses(cleanup: Cleanup, signal: AbortSignal): Processes {
  const start = async (argv: readonly string[], env: Environment, input?: string): Promise<Started> => {
    signal.throwIfAborted();
    const started = await launch(argv, env, input);
    const kill = (): void => started.kill("SIGKILL");
    // The signal may have aborted during the spawn, and then fires no event.
    if (signal.aborted) kill();
    signal.addEventListener("abort", kill);
    void started.ended.then(() => signal.removeEventListener("abort", kill));
    cleanup.add(async () => {
      kill();
      await started.ended;
    });
    return started;
  };
  return {
    start: (argv, env) => start(argv, env),
    run: async (argv, env, input = "") => {
      const ended = await (await start(argv, env, input)).ended;
      signal.throwIfAborted();
      return ended;
    },
  };
}

function launch(argv: readonly string[], env: Environment, input: string | undefined): Promise<Started> {
  const [command = "", ...args] = argv;
  const child = spawn(command, args, { env, stdio: "pipe", cwd: "/" });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    if (stdout.length < OUTPUT_MAX) stdout += piece;
  });
  child.stderr.setEncoding("utf8").on("data", (piece: string) => {
    if (stderr.length < OUTPUT_MAX) stderr += piece;
  });
  // It may end before it has read everything; its exit code says so.
  child.stdin.on("error", () => undefined);
  if (input !== undefined) child.stdin.end(input);

  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code, killedBy) =>
      resolve({ status: code ?? killedBy ?? "unknown", stdout, stderr }),
    );
  });
  const outputs = [
    createInterface({ input: child.stdout }),
    createInterface({ input: child.stderr }),
  ] as const;
  const lines = outputs[0][Symbol.asyncIterator]();
  const failed = async (): Promise<ProcessFailed> => {
    const { status } = await ended;
    const reason = stderr.trim().split("\n").at(-1) ?? "";
    return new ProcessFailed("DEMO_PROCESS_FAILED", `${command} ended with ${status}: ${reason}`, [
      stdout,
      stderr,
    ]);
  };
  const line = async (): Promise<string> => {
    const next = await lines.next();
    if (next.done === true) throw await failed();
    return next.value;
  };
  const logged = (matches: (line: string) => boolean): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const look = (text: string): void => {
      if (matches(text)) resolve(text);
    };
    for (const output of outputs) output.on("line", look);
    void failed().then(reject);
    return promise.finally(() => {
      for (const output of outputs) output.off("line", look);
    });
  };
  const ask = (text: string): Promise<string> => {
    child.stdin.write(`${text}\n`);
    return line();
  };
  return new Promise((resolve, reject) => {
    child.once("error", (error) =>
      reject(
        new CodedError("DEMO_PROCESS_FAILED", `${command} cannot be started (${systemCode(error) ?? ""}).`, {
          cause: error,
        }),
      ),
    );
    child.once("spawn", () => {
      const { pid = 0 } = child;
      resolve({ pid, ended, ask, line, logged, kill: (signal) => void child.kill(signal) });
    });
  });
}
