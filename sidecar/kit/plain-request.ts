import { request } from "node:http";

export interface PlainAnswer {
  readonly status: number;
  readonly body: string;
}

export interface PlainRequest {
  /** An IPv4 or IPv6 address, not a name. */
  readonly address: string;
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** Far more than any answer that is asked for here. */
const BODY_BYTES_MAX = 16 * 1024;

/**
 * One HTTP request, with the answer read to its end, within limits of time and size. No redirects, no proxy.
 * @throws Error when there is no answer, or one that is too long or too late
 */
export function plainRequest({
  address,
  port,
  path,
  method = "GET",
  headers = {},
  timeoutMs,
}: PlainRequest): Promise<PlainAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: address, port, path, method, headers, agent: false, signal: AbortSignal.timeout(timeoutMs) },
      (response) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        response.on("data", (part: Buffer) => {
          bytes += part.length;
          if (bytes <= BODY_BYTES_MAX) return void parts.push(part);
          // First: the end of an answer that was read at once comes before the error.
          reject(new Error("The answer is too long."));
          return void sent.destroy();
        });
        response.on("error", reject);
        response.once("end", () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString("utf8") }),
        );
      },
    );
    sent.on("error", reject);
    // Comes alone where the answer is a 101: Node then closes the connection without an error.
    sent.once("close", () => reject(new Error("There was no whole answer.")));
    sent.end();
  });
}
