import { TLSSocket } from "node:tls";
import type { FastifyInstance } from "fastify";
import type { Socket } from "node:net";
import { connectionOf } from "../http/one-at-a-time.ts";

/**
 * Answers reviews only for a client that has shown a certificate by the listener's client CA. Probes and metrics stay
 * open to all: kubelets and Prometheus show none.
 * @param refused is called for each request that is refused
 */
export function admitKnownClients(app: FastifyInstance, refused: () => void): void {
  app.addHook("onRequest", async (request, reply) => {
    // By the route: the path itself may be spelled in other ways.
    if (request.routeOptions.url !== "/mutate" || isKnown(connectionOf(request.raw))) return undefined;
    refused();
    // Its body is not read.
    return reply.status(401).header("connection", "close").send({
      code: "CLIENT_UNKNOWN",
      message:
        "Reviews are taken only from a client with a certificate by the CA in --client-ca. Set up the API server as in deploy/docs/operations.md.",
    });
  });
}

/** A certificate has to be there as well, so that nothing else makes a client known, such as a session that is resumed. */
const isKnown = (socket: Socket): boolean =>
  socket instanceof TLSSocket && socket.authorized && socket.getPeerX509Certificate() !== undefined;
