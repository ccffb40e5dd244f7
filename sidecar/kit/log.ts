import { pino, type Logger } from "pino";

export type Log = Logger;

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One JSON object a line on standard error. Standard output is for a command's result. */
export function createLog(level: LogLevel, name: string): Log {
  return pino(
    {
      name,
      level,
      base: {},
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Only a second line of defence: it reaches one level. Secret values are of class Secret, which prints "[secret]".
      redact: ["authorization", "*.authorization", "headers.authorization"],
    },
    pino.destination({ fd: 2, sync: true }),
  );
}
