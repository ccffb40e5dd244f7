/** The request headers, in Node's spelling: lower case, a list where a header came more than once. */
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
  /** Empty for HEAD. */
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
