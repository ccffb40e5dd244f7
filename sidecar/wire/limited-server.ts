import { createServer, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";
import { expectNothing, oneAtATime } from "../kit/one-at-a-time.ts";

/** An SDK's request is under 1 KiB, has no body and arrives at once. A client that needs more is no SDK. */
export function limitedServer(handle: RequestListener): Server {
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
  expectNothing(server);
  server.maxHeadersCount = HEADERS_MAX;
  // Far above what one pod opens, far below what its memory limit holds.
  server.maxConnections = 1024;
  limitIdle(server);
  return server;
}

/** SDKs send ten. Without a limit, 8 KiB can hold 8,000 one-letter headers, and some hundred connections fill the heap. */
const HEADERS_MAX = 100;

/**
 * Refuses a request that may have had more: Node silently drops headers past the limit, and some headers are reasons to
 * refuse.
 */
const fewHeaders =
  (handle: RequestListener): RequestListener =>
  (request, response) => {
    if (request.rawHeaders.length < 2 * HEADERS_MAX) handle(request, response);
    else response.writeHead(431, { Connection: "close", "Content-Length": "0" }).end();
  };

/** How many connections of a {@link limitedServer} may wait for their first or next request. */
export const IDLE_MAX = 512;

/** A new connection always gets in; if there are too many, the one that has been idle longest is closed. */
function limitIdle(server: Server): void {
  const idle = new Set<Socket>();
  const wait = (socket: Socket): void => {
    if (socket.destroyed) return;
    idle.add(socket);
    const [idleLongest] = idle;
    if (idle.size > IDLE_MAX) idleLongest?.destroy();
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
