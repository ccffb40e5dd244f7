import type { Paint } from "./print/paint.ts";

/** What a command is run with: the process's own in `main.ts`, a test's values in tests. */
export interface Io {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Environment;
  /**
   * Takes over what would end the process: a signal, or output that nobody reads any more. The caller has to clean up
   * and end soon after it aborts. Its reason is an {@link Interruption}.
   */
  readonly interrupted: () => AbortSignal;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Output {
  readonly write: (text: string) => void;
  /** Of a terminal; undefined for a file or a pipe. */
  readonly columns: number | undefined;
  readonly paint: Paint;
}

export class Interruption extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** 0: fine. 1: something was found, such as a denied pod. 2: the command line or its input cannot be used. */
export type ExitCode = number;

/** Binds a command's action to an {@link Io} and hands its exit code on. */
export type Bind = <Args extends readonly unknown[]>(
  action: (io: Io, ...args: Args) => Promise<ExitCode>,
) => (...args: Args) => Promise<void>;
