import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttpsServer, Server as HttpsServer } from "node:https";
import type { SecureVersion } from "node:tls";
import { expectNothing, oneAtATime } from "../../sidecar/kit/one-at-a-time.ts";
import type { KeyPair } from "../tls/certificates.ts";
import { limitConnections, type ConnectionLimits } from "./connections.ts";

export interface ListenerTls extends KeyPair {
  readonly minVersion?: SecureVersion;
}

/** What a listener puts up with. Milliseconds and counts. */
export interface Limits extends ConnectionLimits {
  /** Idle between two requests. The API server keeps idle connections for 90 s; who hangs up first loses a request. */
  readonly keepAliveMs: number;
  /**
   * From the connection to the end of its first headers, or from the first byte of a later request to the end of its
   * headers; longer than the API server keeps idle connections, too. Its transport opens more than it comes to need, and
   * a connection that it has not used yet waits beside the others. A client that dawdles over its headers has no more
   * of us than one that says nothing between two requests.
   */
  readonly headersMs: number;
  /** From the end of the headers to the end of the body. The API server waits for our whole answer no longer. */
  readonly bodyMs: number;
  readonly handshakeMs: number;
  /** How often it is looked for headers that are late. */
  readonly checkMs: number;
}

export const LIMITS: Limits = {
  keepAliveMs: 150_000,
  headersMs: 155_000,
  bodyMs: 5000,
  handshakeMs: 10_000,
  checkMs: 1000,
  connections: 1024,
  connectionsPerAddress: 512,
};

/** The certificate is TLS 1.3's business alone unless the installation says otherwise. */
const MIN_VERSION: SecureVersion = "TLSv1.3";

/**
 * A server of HTTP/1.1, by TLS where there is a certificate.
 * @param refused told of each connection that is closed since there are too many
 */
export function listener(
  handler: RequestListener,
  tls: ListenerTls | undefined,
  limits: Limits = LIMITS,
  refused: () => void = () => {},
): Server {
  const options = {
    keepAliveTimeout: limits.keepAliveMs,
    headersTimeout: limits.headersMs,
    // What Node begins to count before the headers. The body has a time-out of its own.
    requestTimeout: limits.headersMs + limits.bodyMs,
    connectionsCheckingInterval: limits.checkMs,
  };
  const waited = oneAtATime(handler);
  const server = tls
    ? createHttpsServer(
        { ...options, minVersion: MIN_VERSION, ...tls, handshakeTimeout: limits.handshakeMs },
        waited,
      )
    : createHttpServer(options, waited);
  expectNothing(server);
  limitConnections(server, limits, refused);
  limitBodyTime(server, limits);
  return server;
}

/**
 * Another certificate for connections from now on; those that are open go on with theirs.
 * @throws Error where key and certificate are no pair; nothing has changed then
 */
export function serveCertificate(server: Server, tls: ListenerTls): void {
  if (!(server instanceof HttpsServer)) throw new Error("the listener speaks no TLS");
  // With the version: what is left out here falls back to Node's default, not to what the server began with.
  server.setSecureContext({ minVersion: MIN_VERSION, ...tls });
}

/** As Node ends a request that takes too long, but from the end of its headers on. */
function limitBodyTime(server: Server, { bodyMs }: Limits): void {
  server.prependListener("request", (request) => {
    const { socket } = request;
    const late = Object.assign(new Error("the body is late"), { code: "ERR_HTTP_REQUEST_TIMEOUT" });
    const timer = setTimeout(() => {
      if (!server.emit("clientError", late, socket)) socket.destroy();
    }, bodyMs).unref();
    // The second where nobody wanted the body.
    for (const end of ["end", "close"]) request.once(end, () => clearTimeout(timer));
  });
}
