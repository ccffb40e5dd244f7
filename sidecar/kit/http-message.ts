/** The request headers: names in lower case, a list where a header came more than once. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface WireRequest {
  readonly method: string;
  /** The request target, query string included. */
  readonly path: string;
  readonly headers: Headers;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Not sent in answer to HEAD. */
  readonly body: string;
}

/** An answer that no cache keeps. */
export const wireAnswer = (
  status: number,
  type: string,
  body: string,
  more: Readonly<Record<string, string>> = {},
): WireAnswer => {
  const length = String(Buffer.byteLength(body));
  const headers = { ...more, "Content-Type": type, "Content-Length": length, "Cache-Control": "no-store" };
  return { status, headers, body };
};

/** RFC 9110's phrases for the statuses that programs of ours answer with. */
const PHRASE: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  431: "Request Header Fields Too Large",
  503: "Service Unavailable",
};

/** An answer as it is sent: the last one on its connection, in UTF-8. */
export function answerText(method: string, { status, headers, body }: WireAnswer): string {
  const fields = { Date: new Date().toUTCString(), Connection: "close", ...headers };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const text = `HTTP/1.1 ${status} ${PHRASE[status] ?? ""}\r\n${lines.join("")}\r\n`;
  return method === "HEAD" ? text : `${text}${body}`;
}
