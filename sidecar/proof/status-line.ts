/** What the first bytes of an answer are. Nothing else of them is kept. */
export type StatusLine =
  /** So far the beginning of a status line, with its status as soon as it has one. */
  | { readonly kind: "part"; readonly status?: number }
  | { readonly kind: "whole"; readonly status: number }
  /** Not the beginning of an answer of HTTP/1. */
  | { readonly kind: "foreign" };

const VERSION = "HTTP/1.";
/** The last place of `HTTP/1.1 401`. */
const STATUS_END = 11;
/** EC2's own line has 25 bytes. */
const BYTES_MAX = 1024;

const [TAB, LF, CR, SPACE, DELETE] = [0x09, 0x0a, 0x0d, 0x20, 0x7f];
const [ZERO, ONE, NINE] = [0x30, 0x31, 0x39];

/**
 * Reads a status line (RFC 9112, section 4) as it comes, keeping its status and how far it got.
 * @returns a function that takes the next bytes for as long as there is but a part. It does not look at what follows the line.
 */
export function statusLineReader(): (bytes: Uint8Array) => StatusLine {
  let [at, status, before] = [0, 0, 0];
  return (bytes) => {
    for (const byte of bytes) {
      if (at > STATUS_END && byte === LF) return { kind: "whole", status };
      if (at >= BYTES_MAX || !fits(byte, at, before)) return { kind: "foreign" };
      if (at > STATUS_END - 3 && at <= STATUS_END) status = status * 10 + byte - ZERO;
      before = byte;
      at += 1;
    }
    return at > STATUS_END ? { kind: "part", status } : { kind: "part" };
  };
}

function fits(byte: number, at: number, before: number): boolean {
  if (at < VERSION.length) return byte === VERSION.charCodeAt(at);
  if (at === VERSION.length) return byte === ZERO || byte === ONE;
  if (at === VERSION.length + 1) return byte === SPACE;
  if (at <= STATUS_END) return byte >= ZERO && byte <= NINE;
  if (before === CR) return false;
  if (at === STATUS_END + 1) return byte === SPACE || byte === CR;
  return byte === CR || byte === TAB || (byte >= SPACE && byte !== DELETE);
}
