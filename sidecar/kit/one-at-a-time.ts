import type { RequestListener, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * Closes a connection that sends another request before it was answered; SDKs and API servers wait. Node reads 64 KiB at
 * once, which may be hundreds of requests, and makes an answer for each. A client that never reads the answers could fill
 * the heap with a few hundred connections.
 */
export function oneAtATime(handle: RequestListener): RequestListener {
  const unsent = new WeakMap<Socket, Set<ServerResponse>>();
  return (request, response) => {
    const { socket } = request;
    const earlier = unsent.get(socket) ?? new Set();
    // Not "any that is unsent": Node can learn that an answer was sent after the client has read it and asked again.
    if (earlier.size > 1 || [...earlier].some(({ writableEnded }) => !writableEnded)) readNoFurther(socket);
    if (socket.destroyed) return;
    unsent.set(socket, earlier.add(response));
    response.once("finish", () => earlier.delete(response));
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
