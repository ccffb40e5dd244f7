import type { Secret } from "./secret.ts";

/**
 * Text from outside as a sentence that can be shown: on one line of printable characters, cut to `most` of them, and without the
 * secrets that were sent, which an answer may repeat.
 */
export function quoted(text: string, confidential: readonly Secret[], most: number): string {
  const clean = confidential.reduce((rest, secret) => rest.replaceAll(secret.reveal(), "[secret]"), text);
  const line =
    clean
      .replaceAll(/[\s\p{C}]+/gu, " ")
      .trim()
      .slice(0, most) || "it gives no reason";
  return /[.!?]$/.test(line) ? line : `${line}.`;
}
