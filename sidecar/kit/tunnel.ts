import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import type { Duplex } from "node:stream";
import { hostOf } from "./address.ts";
import { errorName } from "./errors.ts";
import type { Secret } from "./secret.ts";
import { trusting, type Trusted } from "./trusting.ts";

/** An HTTP proxy on the way to STS. */
export interface Proxy {
  /** An origin. With `https:` the proxy itself speaks TLS, and its certificate is checked. */
  readonly origin: string;
  /** `user:password`, where the proxy asks for them. */
  readonly credentials: Secret | undefined;
}

/** Why a proxy opened no tunnel. Nothing of what it wrote is in it. */
export type ProxyFailure =
  /** `why` is Node's code of the error. */
  | { readonly kind: "proxy-unreachable"; readonly why: string }
  /** It answered, but not with 200. `status` is undefined if the answer was not HTTP. */
  | { readonly kind: "proxy-refused"; readonly status: number | undefined };

/** A stream to the host behind the proxy, or why there is none. */
export type Opened = { readonly kind: "open"; readonly stream: Duplex } | ProxyFailure;

export interface Tunnel {
  readonly proxy: Proxy;
  /** What the proxy is to connect to, as `host:port`. */
  readonly to: string;
  readonly lookup?: LookupFunction;
  /** Trusted in place of Node's roots, for the proxy. */
  readonly ca?: Trusted | undefined;
  /** Called once there is a connection to the proxy, before it is asked for anything. */
  readonly onReached?: () => void;
}

/**
 * Asks a proxy for a connection to another host (RFC 9110, section 9.3.6). Nobody waits: there is no limit of time here.
 * @param done called once
 * @returns a function that gives up, after which `done` is not called, and no socket is left
 */
export function openTunnel(
  { proxy, to, lookup, ca, onReached = () => {} }: Tunnel,
  done: (opened: Opened) => void,
): () => void {
  const { origin, credentials } = proxy;
  const host = hostOf(origin);
  const request = origin.startsWith("https:") ? httpsRequest : httpRequest;
  const basic = credentials && `Basic ${Buffer.from(credentials.reveal(), "utf8").toString("base64")}`;
  const asked = request(origin, {
    method: "CONNECT",
    path: to,
    headers: { host: to, ...(basic === undefined ? {} : { "proxy-authorization": basic }) },
    agent: false,
    // Node would take it from the header, which names the other host.
    servername: isIP(host) === 0 ? host : "",
    ...(lookup === undefined ? {} : { lookup }),
    ...trusting(ca),
  });
  let isOver = false;
  const end = (opened: Opened): void => {
    if (isOver) return;
    isOver = true;
    if (opened.kind !== "open") asked.destroy();
    done(opened);
  };
  asked.once("socket", (socket) => {
    if (socket.connecting) socket.once("connect", onReached);
    else onReached();
  });
  // Not once: destroying the request may make it report another error.
  asked.on("error", (error) => {
    const why = errorName(error);
    // The codes of Node's HTTP parser.
    end(
      why.startsWith("HPE_")
        ? { kind: "proxy-refused", status: undefined }
        : { kind: "proxy-unreachable", why },
    );
  });
  asked.once("close", () => end({ kind: "proxy-unreachable", why: "ECONNRESET" }));
  asked.once("connect", ({ statusCode = 0 }: IncomingMessage, stream: Duplex, head: Buffer) => {
    // Nothing is awaited: it would be the proxy's own words, taken for the host's.
    const isOpen = statusCode === 200 && head.length === 0;
    if (isOpen && !isOver) return end({ kind: "open", stream });
    stream.on("error", () => {}).destroy();
    end({ kind: "proxy-refused", status: statusCode === 200 ? undefined : statusCode });
  });
  asked.end();
  return () => {
    isOver = true;
    asked.destroy();
  };
}
