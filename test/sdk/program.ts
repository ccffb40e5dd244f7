import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** How a client's call ended. */
export interface Answer {
  readonly isGranted: boolean;
  /** Where the client asked STS. */
  readonly arn: string | undefined;
  /** The client's own message, on one line. */
  readonly error: string | undefined;
  readonly ms: number;
}

export interface Program {
  readonly call: () => Promise<Answer>;
}

export interface ProgramDeps {
  readonly env: Readonly<Record<string, string>>;
  readonly onTestFinished: (undo: () => void) => void;
}

/** A client that lives as long as the test and makes one call for each line it is sent. */
export function lasting(argv: readonly string[], { env, onTestFinished }: ProgramDeps): Program {
  const [file = "", ...rest] = argv;
  const program = spawn(file, rest, { env, stdio: ["pipe", "pipe", "pipe"] });
  onTestFinished(() => void program.kill("SIGKILL"));
  let complaint = "";
  program.stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text));
  program.stdin.on("error", () => undefined);
  const ended = once(program, "close");
  const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
  return {
    call: async () => {
      const startedAt = performance.now();
      program.stdin.write("\n");
      const line = await lines.next();
      const ms = performance.now() - startedAt;
      if (line.done !== true) return answerOf(line.value, ms);
      const [code] = (await ended) as [unknown];
      return failed(`ended with ${String(code)}: ${complaint}`, ms);
    },
  };
}

/** A client that is a command: each call is a process of its own. */
export function fleeting(argv: readonly string[], { env, onTestFinished }: ProgramDeps): Program {
  const [file = "", ...rest] = argv;
  return {
    call: async () => {
      const startedAt = performance.now();
      const program = spawn(file, rest, { env, stdio: ["ignore", "pipe", "pipe"] });
      onTestFinished(() => void program.kill("SIGKILL"));
      let output = "";
      let complaint = "";
      program.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
      program.stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text));
      const [code] = (await once(program, "close")) as [unknown];
      const ms = performance.now() - startedAt;
      return code === 0 ? answerOf(output, ms) : failed(complaint, ms);
    },
  };
}

function answerOf(text: string, ms: number): Answer {
  if (!text.startsWith("{")) return { isGranted: true, arn: undefined, error: undefined, ms };
  const { arn, Arn, error } = JSON.parse(text) as Readonly<
    Record<"arn" | "Arn" | "error", string | undefined>
  >;
  return error === undefined ? { isGranted: true, arn: arn ?? Arn, error, ms } : failed(error, ms);
}

const failed = (error: string, ms: number): Answer => ({
  isGranted: false,
  arn: undefined,
  error: error.replaceAll(/\s+/g, " ").trim(),
  ms,
});
