import type { RequestListener, Server } from "node:http";
import type { Socket } from "node:net";

/**
 * Closes a connection that sends another request before it was answered; SDKs and API servers wait. Node reads 64 KiB at
 * once, which may be hundreds of requests, and makes an answer for each. A client that never reads the answers could fill
 * the heap with a few hundred connections.
 */
export function oneAtATime(handle: RequestListener): RequestListener {
  const waiting = new WeakSet<Socket>();
  return (request, response) => {
    const { socket } = request;
    if (waiting.has(socket)) readNoFurther(socket);
    if (socket.destroyed) return;
    waiting.add(socket);
    response.once("finish", () => waiting.delete(socket));
    handle(request, response);
  };
}

/** Handles requests with an `Expect` header like all others. Otherwise Node answers them itself, without a limit. */
export function expectNothing(server: Server): void {
  server.on("checkExpectation", (request, response) => server.emit("request", request, response));
}

/** What onIncoming returns for an upgrade: the bytes that follow are not HTTP. */
const NO_MORE_HTTP = 2;

/** Node still parses the bytes it has read from a destroyed socket, and has no public way to stop that. */
function readNoFurther(socket: Socket): void {
  const { parser } = socket as Socket & { readonly parser?: { onIncoming?: unknown } | null };
  if (parser != null) parser.onIncoming = () => NO_MORE_HTTP;
  socket.destroy();
}
