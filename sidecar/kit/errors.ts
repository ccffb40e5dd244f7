import { plain } from "./plain.ts";

/**
 * An error with a stable code, which logs, metrics, tests and the troubleshooting page match on. The message is one
 * sentence for a person and may change; the remedy says what to do.
 */
export class CodedError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly remedy: string | undefined;

  constructor(code: Code, message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = "CodedError";
    this.code = code;
    this.remedy = options.remedy;
  }
}

/** `CODE: what happened. What to do.` on one line, even if the parts have line breaks or other control characters. */
export function oneLine(error: CodedError): string {
  const text = [`${error.code}: ${error.message}`, error.remedy].filter(Boolean).join(" ");
  return plain(text).replaceAll(/\s+/g, " ").trim();
}

/** Makes a coded error of anything that was thrown. */
export function coded(thrown: unknown, code = "INTERNAL"): CodedError {
  if (thrown instanceof CodedError) return thrown;
  return new CodedError(code, messageOf(thrown), { cause: thrown });
}

/** The text of whatever was thrown. It may quote what failed: {@link errorName} never does. */
export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);

/** The kind of an error: Node's code, else its name. Never its text, which may quote what it failed on. */
export const errorName = (thrown: unknown): string =>
  systemCode(thrown) ?? (thrown instanceof Error ? thrown.name : "unknown error");

/** Whether the process had too few descriptors or too little memory to try: this says nothing about what it tried. */
export const isShortage = (code: string): boolean => ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"].includes(code);

/** The `code` of a Node system error (`ENOENT`, `EADDRINUSE`), or undefined. */
export function systemCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}
