import { pino, type Logger } from "pino";
import type { LogLevel } from "../../sidecar/kit/log.ts";

/** One JSON object a line on standard error. Standard output is for a command's result. */
export function createLog(level: LogLevel, name: string): Logger {
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

/** Where in the code an error was thrown. A stack begins with the error's message, which is left out. */
export function framesOf(error: unknown): string {
  if (!(error instanceof Error) || error.stack === undefined) return "";
  const head = `${error.name}: ${error.message}\n`;
  return error.stack.startsWith(head) ? error.stack.slice(head.length) : "";
}
