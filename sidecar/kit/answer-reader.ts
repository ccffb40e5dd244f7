import type { Headers } from "./http-message.ts";
import { headerFields } from "./request-head.ts";

export interface WholeAnswer {
  readonly kind: "whole";
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** What the bytes so far are. `status` is undefined until the head is whole, or if it is none. */
export type AnswerRead =
  | WholeAnswer
  | { readonly kind: "part"; readonly status: number | undefined }
  | { readonly kind: "invalid"; readonly status: number | undefined };

const HEAD_MAX_BYTES = 8 * 1024;
const BODY_MAX_BYTES = 64 * 1024;
const [BEGIN, END] = ["HTTP/1.1 ", "\r\n\r\n"];

/**
 * Reads one answer of a program of podrole's, strictly: HTTP/1.1, a head that ends within 8 KiB, and a body of a length that the head
 * says, 64 KiB at most. Nothing else is an answer of theirs: no other version, no chunks, no encoding, no length by the connection's end.
 * @returns a function that takes the next bytes for as long as there is but a part. It does not look at what follows the body.
 */
export function answerReader(): (bytes: Buffer) => AnswerRead {
  let parts: Buffer[] = [];
  let length = 0;
  let head: Head | undefined;
  return (bytes) => {
    parts.push(bytes);
    length += bytes.length;
    if (head === undefined) {
      const all = Buffer.concat(parts);
      if (!all.toString("latin1", 0, BEGIN.length).startsWith(BEGIN.slice(0, all.length))) return INVALID;
      const end = all.subarray(0, HEAD_MAX_BYTES).indexOf(END);
      if (end === -1) return all.length < HEAD_MAX_BYTES ? { kind: "part", status: undefined } : INVALID;
      head = headIn(all.toString("latin1", 0, end));
      if (head === undefined) return INVALID;
      parts = [all.subarray(end + END.length)];
      length = all.length - end - END.length;
    }
    const { status, headers, bodyLength } = head;
    if (bodyLength === undefined) return { kind: "invalid", status };
    if (length < bodyLength) return { kind: "part", status };
    return { kind: "whole", status, headers, body: Buffer.concat(parts).subarray(0, bodyLength) };
  };
}

const INVALID = { kind: "invalid", status: undefined } as const;

interface Head {
  readonly status: number;
  readonly headers: Headers;
  /** Undefined if the head does not say it, says it in another way, or says too much. */
  readonly bodyLength: number | undefined;
}

function headIn(text: string): Head | undefined {
  const [first = "", ...fields] = text.split("\r\n");
  const status = /^HTTP\/1\.1 ([2-5]\d\d) [\t\x20-\x7E\x80-\xFF]*$/.exec(first)?.[1];
  const headers = headerFields(fields);
  if (status === undefined || headers === undefined) return undefined;
  const length = headers["content-length"];
  const isPlain = headers["transfer-encoding"] === undefined && headers["content-encoding"] === undefined;
  const isLength = typeof length === "string" && /^\d{1,5}$/.test(length) && Number(length) <= BODY_MAX_BYTES;
  return { status: Number(status), headers, bodyLength: isPlain && isLength ? Number(length) : undefined };
}
