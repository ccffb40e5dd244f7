import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { BROKER } from "../../sidecar/contract/broker.ts";
import { systemCode } from "../../sidecar/kit/errors.ts";
import { answerText, type WireAnswer } from "../../sidecar/kit/http-message.ts";
import { IssueError } from "../../sidecar/sts/issue-error.ts";
import { LIMITS as USUAL, listener, type Limits, type ListenerTls } from "../http/listener.ts";
import { given, malformed, refused } from "./answers.ts";
import { REQUESTS_AT_ONCE, type Broker } from "./broker.ts";

export interface SessionServerDeps {
  readonly broker: Broker;
  /** Absent: plain HTTP, for tests. */
  readonly tls?: ListenerTls;
  /** Other limits than the usual, for tests. */
  readonly limits?: Limits;
  /** Called for each connection that was closed because there are too many. */
  readonly refusedConnection?: () => void;
  /** Whether clients should use another replica. Absent: never. */
  readonly draining?: () => boolean;
  /** Called with each answer, and how long it took in milliseconds. */
  readonly onAnswer?: (status: number, ms: number) => void;
}

export interface SessionServer {
  readonly server: Server;
  /** Accepts nothing more. Resolves when every connection is closed. */
  readonly close: () => Promise<void>;
}

/**
 * A sidecar sends its request at once, over a connection of its own, and waits ten seconds for the answer. So nothing is kept for
 * clients that do otherwise.
 */
export const LIMITS: Limits = {
  ...USUAL,
  keepAliveMs: 10_000,
  handshakeMs: 5000,
  headersMs: 5000,
  // Two waits for the API server, its two answers, and eight seconds for STS, at the worst.
  answerMs: 20_000,
  connections: REQUESTS_AT_ONCE,
  // All pods of a node that start at once, should they come from its address.
  connectionsPerAddress: 128,
  connectionRate: { burst: 500, perSecond: 50 },
};

/** `POST /v1/session`, as `sidecar/contract/broker.ts` has it. Each request that is one gets a coded answer. */
export function sessionServer(deps: SessionServerDeps): SessionServer {
  const { limits = LIMITS, refusedConnection, draining } = deps;
  const handle = (request: IncomingMessage, response: ServerResponse): void =>
    void answered(request, response, deps);
  const server = listener(handle, deps.tls, limits, refusedConnection, draining);
  server.on("clientError", (error, socket) => refuseBytes(error, socket, limits.takeMs));
  return {
    server,
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

async function answered(
  request: IncomingMessage,
  response: ServerResponse,
  { broker, draining, onAnswer }: SessionServerDeps,
): Promise<void> {
  const startedAt = performance.now();
  const { status, headers, body } = await answerTo(request, broker);
  // What was not read of a body would be taken for the next request.
  const isLast = !request.complete || (draining?.() ?? false);
  response.writeHead(status, isLast ? { ...headers, Connection: "close" } : headers).end(body);
  onAnswer?.(status, performance.now() - startedAt);
}

async function answerTo(request: IncomingMessage, broker: Broker): Promise<WireAnswer> {
  const [path] = (request.url ?? "").split("?", 1);
  if (path !== BROKER.path) return malformed(404, "NOT_FOUND", `There is only POST ${BROKER.path}.`);
  if (request.method !== "POST")
    return malformed(405, "METHOD_NOT_ALLOWED", `There is only POST ${BROKER.path}.`, { Allow: "POST" });
  try {
    const body = await bodyOf(request);
    const address = request.socket.remoteAddress ?? "";
    return given(await broker({ token: bearerToken(request), body, address }));
  } catch (error) {
    if (error instanceof IssueError) return refused(error);
    // Only of a client that is gone: the broker throws nothing else.
    return refused(unreadable("it did not come to its end"));
  }
}

/** @throws IssueError `REQUEST_INVALID`; Error where the client goes away */
async function bodyOf(request: IncomingMessage): Promise<string> {
  const tooLong = `it is longer than ${BROKER.requestBytesMax} bytes`;
  if (Number(request.headers["content-length"] ?? 0) > BROKER.requestBytesMax) throw unreadable(tooLong);
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString("utf8");
}

const bearerToken = ({ headers }: IncomingMessage): string | undefined =>
  /^Bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1];

const unreadable = (why: string): IssueError =>
  new IssueError("REQUEST_INVALID", `The body of the request is not read: ${why}.`, { kind: "definite" });

const STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** What is no request, or does not come to its end. */
function refuseBytes(error: Error, socket: Duplex, takeMs: number): void {
  const code = systemCode(error) ?? "";
  if (!socket.writable || code === "ECONNRESET") return void socket.destroy();
  const message =
    STATUS[code] === 408 ? "The request did not come to its end in time." : "This is no HTTP request.";
  const answer = malformed(STATUS[code] ?? 400, "REQUEST_INVALID", message);
  const cut = setTimeout(() => socket.destroy(), takeMs).unref();
  socket.once("close", () => clearTimeout(cut));
  socket.end(answerText("POST", answer), () => socket.destroy());
  return undefined;
}
