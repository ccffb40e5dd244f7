import type { FastifyInstance } from "fastify";
import { CodedError, systemCode } from "../../sidecar/kit/errors.ts";

/** @throws CodedError `PORT_IN_USE` */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    // Fastify does not know that the server it was given speaks TLS.
    const listenTextResolver = (address: string): string =>
      `listening at ${address.replace(/^http:/, "https:")}`;
    await app.listen({ host, port, listenTextResolver });
  } catch (error) {
    if (systemCode(error) !== "EADDRINUSE") throw error;
    throw new CodedError("PORT_IN_USE", `Port ${port} is in use.`, {
      remedy: "Choose another --port.",
      cause: error,
    });
  }
}
