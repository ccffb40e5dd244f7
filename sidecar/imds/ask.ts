import { request } from "node:http";

export interface Asked {
  readonly status: number;
  readonly body: string;
}

export interface Question {
  /** An IPv4 or IPv6 address, not a name. */
  readonly address: string;
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** Nothing that is asked for here comes near this. */
const BODY_BYTES_MAX = 16 * 1024;

/**
 * One plain request, its answer read to the end, within time and size. No redirect is followed and no proxy asked.
 * @throws Error when nothing, too much or too late is answered
 */
export function ask({
  address,
  port,
  path,
  method = "GET",
  headers = {},
  timeoutMs,
}: Question): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: address, port, path, method, headers, agent: false, signal: AbortSignal.timeout(timeoutMs) },
      (response) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        response.on("data", (part: Buffer) => {
          bytes += part.length;
          if (bytes > BODY_BYTES_MAX) sent.destroy(new Error("The answer is too long."));
          else parts.push(part);
        });
        response.once("error", reject);
        response.once("end", () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString("utf8") }),
        );
      },
    );
    sent.once("error", reject);
    sent.end();
  });
}
