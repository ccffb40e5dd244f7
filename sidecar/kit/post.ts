import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { errorName } from "./errors.ts";
import { httpDate } from "./http-date.ts";
import { sharedLookUp } from "./look-up.ts";
import { PostError, type PostFailure } from "./post-error.ts";
import { throughProxy } from "./through-proxy.ts";
import { trusting, type Trusted } from "./trusting.ts";
import type { Proxy } from "./tunnel.ts";

export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Trusted in place of Node's roots. */
  readonly ca?: Trusted;
  /** The only way there, if there is one. TLS goes through it, end to end. */
  readonly proxy?: Proxy;
  /** For the whole call, from the look-up of the name to the last byte. */
  readonly timeoutMs: number;
  /** For the look-up and the connection; with a proxy, those of the proxy. */
  readonly connectMs: number;
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** STS answers in 2 to 4 KiB. */
const BODY_MAX_BYTES = 64 * 1024;

const lookup = sharedLookUp();

/**
 * One POST on a connection of its own, within limits of time and size: no redirects, no second attempt, and no proxy but
 * the given one, which is never left out. When it is over, neither socket nor timer is left.
 * @param onDate called with the header `Date`, in milliseconds since the epoch, even if the rest then does not come through
 * @throws PostError
 */
export function post(
  { url, headers, body, ca, proxy, timeoutMs, connectMs }: Post,
  onDate: (epochMs: number) => void,
): Promise<Answer> {
  const request = url.startsWith("https:") ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    let at: "proxy" | "origin" = proxy === undefined ? "origin" : "proxy";
    const proxied =
      proxy &&
      throughProxy({
        proxy,
        origin: new URL(url).origin,
        ca,
        lookup,
        onReached: () => clearTimeout(connecting),
        onOpen: () => {
          at = "origin";
        },
        onFailure: (failure) => fail(failure),
      });
    const sent = request(url, {
      method: "POST",
      headers: { ...headers, "content-length": String(Buffer.byteLength(body)) },
      // Without one, an agent of the request's own, which keeps no connection.
      ...(proxied === undefined
        ? { agent: false, lookup, ...trusting(ca) }
        : { createConnection: proxied.createConnection }),
    });
    let status: number | undefined;
    const over = (): void => {
      clearTimeout(whole);
      clearTimeout(connecting);
      proxied?.giveUp();
      sent.destroy();
    };
    const fail = (failure: PostFailure): void => {
      // First: when its socket is destroyed, the request may report an error at once.
      reject(new PostError(failure));
      over();
    };
    const late = (afterMs: number): NodeJS.Timeout =>
      setTimeout(() => fail({ kind: "late", afterMs, at }), afterMs);
    const whole = late(timeoutMs);
    const connecting = late(connectMs);
    sent.once("socket", (socket: Socket) => {
      if (socket.connecting) socket.once("connect", () => clearTimeout(connecting));
      else clearTimeout(connecting);
    });
    // Not once: destroying the request may make it report another error.
    sent.on("error", (error) => fail(failureOf(error, status)));
    sent.once("close", () => {
      if (status === undefined) fail({ kind: "unreachable", why: "ECONNRESET" });
    });
    sent.once("response", (response: IncomingMessage) => {
      status = response.statusCode ?? 0;
      const seen = httpDate(response.headers.date);
      if (seen !== undefined) onDate(seen);
      readBody(response).then(
        (read) => {
          resolve({ status: status ?? 0, body: read });
          over();
        },
        () => fail({ kind: "invalid-answer", status }),
      );
    });
    sent.end(body);
  });
}

/** @throws Error when the body is too long, is cut off or is encoded, which was not asked for */
async function readBody(response: IncomingMessage): Promise<Buffer> {
  if ((response.headers["content-encoding"] ?? "identity") !== "identity") throw new Error("encoded");
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > BODY_MAX_BYTES) throw new Error("too long");
    parts.push(part);
  }
  if (!response.complete) throw new Error("cut off");
  return Buffer.concat(parts);
}

function failureOf(error: Error, status: number | undefined): PostFailure {
  const why = errorName(error);
  // The codes of Node's HTTP parser: whoever is there does not speak HTTP, or not properly.
  if (status !== undefined || why.startsWith("HPE_")) return { kind: "invalid-answer", status };
  return { kind: "unreachable", why };
}
