import type { Server } from "node:net";
import { LOOPBACK } from "../contract/pod.ts";
import { coded, CodedError, systemCode } from "../kit/errors.ts";
import { oneRequestServer, type OneRequestServer } from "../kit/one-request.ts";
import { answer, type WireDeps } from "./answers.ts";
import { fewWaiting } from "./few-waiting.ts";

export interface ServerDeps extends WireDeps {
  readonly onAnswer?: (status: number) => void;
}

/** The credentials endpoint on a socket. */
export function credentialServer({ identities, onAnswer }: ServerDeps): OneRequestServer {
  const deps = { identities: fewWaiting(identities) };
  return oneRequestServer((request) => answer(request, deps), onAnswer);
}

/**
 * @returns the port in use: the one asked for, unless that was 0
 * @throws CodedError `PORT_IN_USE`, or `LISTEN_FAILED` with Node's own code in the message
 */
export async function listen(server: Server, port: number, host: string = LOOPBACK): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, port)));
    server.listen({ port, host }, () => {
      server.removeAllListeners("error");
      server.on("error", () => undefined);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function listenError(error: Error, port: number): CodedError {
  const code = systemCode(error);
  if (code === "EADDRINUSE") {
    return new CodedError("PORT_IN_USE", `Port ${port} is already used by another program of the pod.`, {
      remedy: `Let that program listen on another port: the sidecar needs port ${port}.`,
    });
  }
  return new CodedError(
    "LISTEN_FAILED",
    `The sidecar cannot listen on port ${port}: ${code ?? coded(error).message}.`,
    { cause: error },
  );
}

/** Whether {@link listen} failed because the kernel was built or started without IPv6. */
export function lacksAddressFamily(error: unknown): boolean {
  const cause = error instanceof CodedError ? error.cause : undefined;
  return ["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(systemCode(cause) ?? "");
}

/** At once: a client could delay a graceful close. */
export function close(server: Pick<OneRequestServer, "close" | "closeAllConnections">): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
