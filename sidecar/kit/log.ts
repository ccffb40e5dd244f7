import { pino, type Logger } from "pino";

export type Log = Logger;

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One JSON object a line on standard error: standard output belongs to what a command answers. */
export function createLog(level: LogLevel, name: string): Log {
  return pino(
    {
      name,
      level,
      base: {},
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // A second net only: it reaches one level. What must not be printed is a Secret, which prints as "[secret]".
      redact: ["authorization", "*.authorization", "headers.authorization"],
    },
    pino.destination({ fd: 2, sync: true }),
  );
}
