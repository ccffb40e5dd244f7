import type { RequestListener, Server } from "node:http";
import type { Socket } from "node:net";

/**
 * A handler that closes a connection which asks again before it was answered; SDKs and API servers wait. Node takes all
 * requests of a piece of 64 KiB at once, which are some hundreds, and makes an answer for each: a client that never reads
 * them fills the heap with a few hundred connections.
 */
export function oneAtATime(handle: RequestListener): RequestListener {
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

/** Has requests with an `Expect` header go the way of all others. Otherwise Node answers them itself, and as many as come. */
export function expectNothing(server: Server): void {
  server.on("checkExpectation", (request, response) => server.emit("request", request, response));
}

/** What onIncoming returns for an upgrade: that what follows is no HTTP. */
const NO_MORE_HTTP = 2;

/** A socket that is destroyed is still read to the end of the piece; for less than that Node has no public way. */
function readNoFurther(socket: Socket): void {
  const { parser } = socket as Socket & { readonly parser?: { onIncoming?: unknown } | null };
  if (parser != null) parser.onIncoming = () => NO_MORE_HTTP;
  socket.destroy();
}
