import type { Headers, WireRequest } from "./http-message.ts";

/** The status of the answer to bytes that are no request. */
type Refusal = 400 | 431;

/** An SDK's request is under 1 KiB. */
const BYTES_MAX = 8 * 1024;
/** SDKs send ten. */
const HEADERS_MAX = 100;

const END = "\r\n\r\n";

/**
 * Reads the head of one request: its first line and its headers.
 * @returns a function that takes the next bytes, and returns undefined until the head is complete or refused. It does not
 * look at what follows the head.
 */
export function headReader(): (bytes: Buffer) => WireRequest | Refusal | undefined {
  let text = "";
  return (bytes) => {
    const from = Math.max(0, text.length - END.length);
    // latin1 keeps each byte, and is what Node decodes headers with.
    text += bytes.toString("latin1", 0, BYTES_MAX + END.length);
    const end = text.indexOf(END, from);
    if (end > BYTES_MAX || (end === -1 && text.length > BYTES_MAX)) return 431;
    if (end !== -1) return parseHead(text.slice(0, end).split("\r\n"));
    // Such as the first byte of a TLS handshake.
    return /^[A-Z]/.test(text) ? undefined : 400;
  };
}

const REQUEST_LINE = /^([A-Z]+(?:-[A-Z]+)*) ([\x21-\x7E]+) HTTP\/1\.([01])$/;
/** A folded line, which is obsolete, does not match: it has no name. */
const FIELD = /^([!#$%&'*+.^_`|~\dA-Za-z-]+):([\t\x20-\x7E\x80-\xFF]*)$/;

function parseHead([first = "", ...fields]: readonly string[]): WireRequest | Refusal {
  const [, method, path, minor] = REQUEST_LINE.exec(first) ?? [];
  if (method === undefined || path === undefined) return 400;
  if (fields.length > HEADERS_MAX) return 431;
  const headers = headerFields(fields);
  if (headers === undefined || (minor === "1" && headers["host"] === undefined)) return 400;
  // Two lengths of one body. Nobody sends that in good faith, and RFC 9112 lets a server refuse it.
  if ("content-length" in headers && "transfer-encoding" in headers) return 400;
  return { method, path, headers };
}

/** The headers in these lines; undefined if one of them is none. */
export function headerFields(fields: readonly string[]): Headers | undefined {
  // Without a prototype: a header may be named `__proto__`.
  const headers = Object.create(null) as Record<string, string | readonly string[]>;
  for (const field of fields) {
    const [, name, raw] = FIELD.exec(field) ?? [];
    if (name === undefined || raw === undefined) return undefined;
    const [key, value] = [name.toLowerCase(), withoutBlanks(raw)];
    const before = headers[key];
    headers[key] = before === undefined ? value : [before, value].flat();
  }
  return headers;
}

/** Not `trim()`, which cuts off more than HTTP does, and no regular expression, which takes quadratic time. */
function withoutBlanks(value: string): string {
  let [from, to] = [0, value.length];
  while (from < to && isBlank(value.charCodeAt(from))) from += 1;
  while (to > from && isBlank(value.charCodeAt(to - 1))) to -= 1;
  return value.slice(from, to);
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;
