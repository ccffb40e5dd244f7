import type { Server } from "node:net";
import type { FastifyInstance } from "fastify";
import { CodedError, systemCode } from "../../sidecar/kit/errors.ts";

/** @throws CodedError `PORT_IN_USE` */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<void> {
  // Fastify does not know that the server it was given speaks TLS.
  const listenTextResolver = (address: string): string =>
    `listening at ${address.replace(/^http:/, "https:")}`;
  await app.listen({ host, port, listenTextResolver }).catch(notListening(port, "--port"));
}

/**
 * The same for a server without Fastify.
 * @param option which sets the port
 * @throws CodedError `PORT_IN_USE`
 */
export async function listenAt(server: Server, host: string, port: number, option = "--port"): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject).listen(port, host, resolve);
  await promise.catch(notListening(port, option));
  server.off("error", reject);
}

const notListening =
  (port: number, option: string) =>
  (error: unknown): never => {
    if (systemCode(error) !== "EADDRINUSE") throw error;
    throw new CodedError("PORT_IN_USE", `Port ${port} is in use.`, {
      remedy: `Choose another ${option}.`,
      cause: error,
    });
  };
