import type { Environment, Output } from "../io.ts";
import { PAINT_CODES, paintFor } from "./paint.ts";

/** At the beginning of what is written: goes back over the line that a terminal shows last. */
export const REDO = "\r\u001B[2K";

/** What of a process's stream an output needs. */
interface Stream {
  readonly write: (text: string) => unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/**
 * Of standard output or standard error. What reaches a terminal has no control characters but podrole's own: names, and the answers of
 * servers, could otherwise write over what is there. Standard error is for people, so this holds for all of it; what standard output writes
 * into a file or a pipe may be data, and stays as it is.
 */
export function outputOf(stream: Stream, env: Environment, isForPeople: boolean): Output {
  const { isTTY = false } = stream;
  const shown = isTTY || isForPeople ? harmless : (text: string): string => text;
  return {
    write: (text) => void stream.write(shown(text)),
    columns: isTTY ? stream.columns : undefined,
    paint: paintFor(stream, env),
  };
}

const escaped = (text: string): string => text.replaceAll("[", "\\[");
const OWN = `^${escaped(REDO)}|${PAINT_CODES.map(escaped).join("|")}|\\r?\\n|\\t`;
const CONTROL = new RegExp(`(${OWN})|[\\p{Cc}\\p{Zl}\\p{Zp}\\p{Bidi_Control}]`, "gu");

const harmless = (text: string): string => text.replaceAll(CONTROL, (_one, own?: string) => own ?? " ");
