import { fieldTexts } from "./log-text.ts";
import { writeAll } from "./write-all.ts";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

interface Write {
  (message: string): void;
  /** An Error stands for the field `err` and its message. */
  (fields: object, message?: string): void;
}

/** What podrole's programs ask of a log. The injector's and the controller's is pino. */
export type Log = Readonly<Record<Exclude<LogLevel, "silent">, Write>>;

const STANDARD_ERROR = 2;

/**
 * One JSON object a line on standard error, in pino's format. It is not pino, which would cost every pod a megabyte.
 * Standard output is for a command's result. A line is written when the call returns. No value and no broken standard
 * error makes it throw.
 */
export function createLog(
  level: LogLevel,
  name: string,
  write: (line: string) => void = (line) => writeAll(STANDARD_ERROR, line),
): Log {
  const least = LOG_LEVELS.indexOf(level);
  const at = (label: Exclude<LogLevel, "silent">): Write => {
    if (LOG_LEVELS.indexOf(label) < least) return () => undefined;
    return (first: object | string, second?: string) => {
      const time = new Date().toISOString();
      const [fields, message] = typeof first === "string" ? ["", first] : fieldTexts(first, second);
      const head = `{"level":"${label}","time":"${time}","name":${JSON.stringify(name)}`;
      write(`${head}${fields}${message === undefined ? "" : `,"msg":${JSON.stringify(message)}`}}\n`);
    };
  };
  return { trace: at("trace"), debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
