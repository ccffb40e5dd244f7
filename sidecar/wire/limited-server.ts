import { createServer, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";
import { expectNothing, oneAtATime } from "../kit/one-at-a-time.ts";

/** An SDK's request is under 1 KiB and has no body; a client that needs more, or seconds, is none. */
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

/** SDKs send ten. Without a limit, 8 KiB are 8,000 headers of one letter, and some hundred connections fill the heap. */
const HEADERS_MAX = 100;

/**
 * Refuses a request that may have had more. Node drops what is past the limit in silence, and some headers are held
 * against a request.
 */
const fewHeaders =
  (handle: RequestListener): RequestListener =>
  (request, response) => {
    if (request.rawHeaders.length < 2 * HEADERS_MAX) handle(request, response);
    else response.writeHead(431, { Connection: "close", "Content-Length": "0" }).end();
  };

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
