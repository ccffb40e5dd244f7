import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttpsServer, Server as HttpsServer } from "node:https";
import type { SecureVersion } from "node:tls";
import type { KeyPair } from "../tls/certificates.ts";
import { limitConnections, type ConnectionLimits } from "./connections.ts";
import { oneAtATime } from "./one-at-a-time.ts";

export interface ListenerTls extends KeyPair {
  readonly minVersion?: SecureVersion;
  /** CAs of the clients that may send reviews, PEM. Absent: no client is asked for a certificate. */
  readonly clientCa?: string;
}

/** A listener's limits. Milliseconds and counts. */
export interface Limits extends ConnectionLimits {
  /** Idle between two requests. Longer than the API server's 90 s: when we close first, a request may be lost. */
  readonly keepAliveMs: number;
  /**
   * From the connection to the end of its first headers, or from the first byte of a later request to the end of its
   * headers. Also longer than the API server's 90 s: its transport opens more connections than it needs, and keeps the
   * unused ones beside the others. A slow-header client costs no more than an idle one.
   */
  readonly headersMs: number;
  /**
   * From the end of the headers to the end of the body. While it is read, others may wait for the memory, and an API server
   * waits for 5 s in all.
   */
  readonly bodyMs: number;
  /** From the end of the body until the answer is ready. A client that waits behind others for its turn is cut off. */
  readonly answerMs: number;
  /** From then on until the client has taken the whole answer. Others may wait as long, as for the body. */
  readonly takeMs: number;
  readonly handshakeMs: number;
  /** How often late headers are looked for, and idle connections while draining. */
  readonly checkMs: number;
}

export const LIMITS: Limits = {
  keepAliveMs: 150_000,
  headersMs: 155_000,
  bodyMs: 2000,
  answerMs: 10_000,
  takeMs: 1000,
  handshakeMs: 10_000,
  checkMs: 1000,
  connections: 1024,
  connectionsPerAddress: 512,
};

/** API servers, kubelets and Prometheus send ten. Without a limit, those of a thousand connections fill the memory. */
const HEADERS_MAX = 100;
const HEADERS_BYTES_MAX = 8 * 1024;

/** TLS 1.3 only, unless the installation says otherwise. */
const MIN_VERSION: SecureVersion = "TLSv1.3";

/**
 * An HTTP/1.1 server, with TLS when there is a certificate.
 * @param refused is called for each connection that is closed because there are too many
 * @param draining whether clients should use another server
 */
export function listener(
  handler: RequestListener,
  tls: ListenerTls | undefined,
  limits: Limits = LIMITS,
  refused: () => void = () => {},
  draining: () => boolean = () => false,
): Server {
  const options = {
    maxHeaderSize: HEADERS_BYTES_MAX,
    keepAliveTimeout: limits.keepAliveMs,
    headersTimeout: limits.headersMs,
    // Node starts this timer before the headers. The body has a time-out of its own.
    requestTimeout: limits.headersMs + limits.bodyMs,
    connectionsCheckingInterval: limits.checkMs,
  };
  const server = tls
    ? createHttpsServer({ ...options, ...contextOf(tls), handshakeTimeout: limits.handshakeMs })
    : createHttpServer(options);
  const closeIdle = oneAtATime(server, tls ? "secureConnection" : "connection", handler);
  // Node answers 431 to more: if it dropped one, a body could have no length.
  server.maxHeadersCount = HEADERS_MAX;
  // A request with an `Expect` header is handled like all others. Otherwise Node answers it itself.
  server.on("checkExpectation", (request, response) => server.emit("request", request, response));
  limitConnections(server, limits, refused);
  limitTimes(server, limits);
  // First all that has come is read, so that a connection with a request is no longer idle.
  const closeLater = (which: "all" | "unused"): void => void setImmediate(closeIdle, which);
  // close() calls it. Node's own would close those, too, whose requests wait for their round.
  server.closeIdleConnections = () => closeLater("all");
  closeWhile(draining, server, () => closeLater("unused"), limits.checkMs);
  return server;
}

/**
 * Closes idle connections of a server that is draining. Otherwise an API server would go on sending reviews over those that it has,
 * to a server that may be of another version. Only those that lay unused from one check to the next: a client that sends a
 * request at this moment loses it, and it sends over the connection that it used last. Those in use close with their answer, and those
 * whose TLS handshake goes on at its end.
 */
function closeWhile(draining: () => boolean, server: Server, closeUnused: () => void, everyMs: number): void {
  const check = setInterval(() => {
    if (draining()) closeUnused();
  }, everyMs).unref();
  server.once("close", () => clearInterval(check));
}

/**
 * Serves another certificate to new connections. Open connections keep theirs.
 * @throws Error when key and certificate are not a pair; nothing has changed then
 */
export function serveCertificate(server: Server, tls: ListenerTls): void {
  if (!(server instanceof HttpsServer)) throw new Error("the listener speaks no TLS");
  // With the version: without it, Node would use its own default and not the one that the server started with.
  server.setSecureContext(contextOf(tls));
}

/** A client without a certificate is connected too, for the probes: see known-clients.ts. */
const contextOf = ({ clientCa, ...tls }: ListenerTls) => ({
  minVersion: MIN_VERSION,
  ...tls,
  ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: false }),
});

/** Ends a slow request as Node does, but counts from the end of its headers; and then one whose answer is not taken. */
function limitTimes(server: Server, { bodyMs, answerMs, takeMs }: Limits): void {
  server.prependListener("request", (request, response) => {
    const { socket } = request;
    const body = setTimeout(() => {
      // Made here: an error's stack would be a thirtieth of what a usual review costs.
      const late = Object.assign(new Error("the body is late"), { code: "ERR_HTTP_REQUEST_TIMEOUT" });
      if (!server.emit("clientError", late, socket)) socket.destroy();
    }, bodyMs).unref();
    // `close` comes alone when nobody read the body.
    for (const end of ["end", "close"]) request.once(end, () => clearTimeout(body));
    request.once("end", () => {
      if (response.closed) return;
      let cut = setTimeout(() => socket.destroy(), answerMs).unref();
      // The whole answer was given to Node.
      response.once("prefinish", () => {
        clearTimeout(cut);
        cut = setTimeout(() => socket.destroy(), takeMs).unref();
      });
      response.once("close", () => clearTimeout(cut));
    });
  });
}
