import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** An SDK's request is under 1 KiB and has no body; a client that needs more, or seconds, is none. */
export function limitedServer(handle: Handle): Server {
  const server = createServer(
    {
      maxHeaderSize: 8 * 1024,
      headersTimeout: 5000,
      requestTimeout: 5000,
      connectionsCheckingInterval: 2500,
      keepAliveTimeout: 15_000,
    },
    oneAtATime(fewHeaders(handle)),
  );
  // Without this, Node answers by itself, and as often as it is asked.
  server.on("checkExpectation", (request, response) => server.emit("request", request, response));
  server.maxHeadersCount = HEADERS_MAX;
  // Far above what one pod opens, far below what its memory limit holds.
  server.maxConnections = 1024;
  limitIdle(server);
  return server;
}

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

/** SDKs send ten. Without a limit, 8 KiB are 8,000 headers of one letter, and some hundred connections fill the heap. */
const HEADERS_MAX = 100;

/**
 * Refuses a request that may have had more. Node drops what is past the limit in silence, and some headers are held
 * against a request.
 */
const fewHeaders =
  (handle: Handle): Handle =>
  (request, response) => {
    if (request.rawHeaders.length < 2 * HEADERS_MAX) handle(request, response);
    else response.writeHead(431, { Connection: "close", "Content-Length": "0" }).end();
  };

/**
 * Closes a connection that asks again before it was answered; SDKs wait. Node takes all requests of a piece of 64 KiB at
 * once, which are 600, and makes an answer for each: some hundred connections of a client that never reads were more
 * than the heap.
 */
function oneAtATime(handle: Handle): Handle {
  const asking = new WeakSet<Socket>();
  return (request, response) => {
    const { socket } = request;
    if (asking.has(socket)) readNoFurther(socket);
    if (socket.destroyed) return;
    asking.add(socket);
    response.once("finish", () => asking.delete(socket));
    handle(request, response);
  };
}

/** What onIncoming returns for an upgrade: that what follows is no HTTP. */
const NO_MORE_HTTP = 2;

/** A socket that is destroyed is still read to the end of the piece; for less than that Node has no public way. */
function readNoFurther(socket: Socket): void {
  const { parser } = socket as Socket & { readonly parser?: { onIncoming?: unknown } | null };
  if (parser != null) parser.onIncoming = () => NO_MORE_HTTP;
  socket.destroy();
}

/** Of {@link limitedServer}'s connections, how many may wait for their next request, or for their first. */
export const IDLE_MAX = 512;

/** The newest connection always gets in, at the cost of the one that has said nothing for longest. */
function limitIdle(server: Server): void {
  const idle = new Set<Socket>();
  const wait = (socket: Socket): void => {
    if (socket.destroyed) return;
    idle.add(socket);
    const [longest] = idle;
    if (idle.size > IDLE_MAX) longest?.destroy();
  };
  server.on("connection", (socket) => {
    socket.once("close", () => idle.delete(socket));
    wait(socket);
  });
  server.prependListener("request", ({ socket }, response) => {
    idle.delete(socket);
    response.once("finish", () => wait(socket));
  });
}
