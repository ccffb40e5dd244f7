import type { Server } from "node:http";
import { LOOPBACK } from "../contract.ts";
import { CodedError, systemCode } from "../kit/errors.ts";
import { close, limitedServer, listen, send } from "../server.ts";
import type { WireAnswer, WireRequest } from "../wire.ts";

export interface ImdsListening {
  readonly port: number;
  readonly close: () => Promise<void>;
}

export interface ImdsServerDeps {
  readonly answer: (request: WireRequest) => Promise<WireAnswer>;
  readonly onAnswer?: (status: number) => void;
}

const LOOPBACK_V6 = "::1";

/**
 * Puts the endpoint on both loopback addresses, where the guard redirects what goes to EC2's; on IPv4's alone where the
 * kernel has no IPv6.
 * @throws CodedError `PORT_IN_USE`, `LISTEN_FAILED`
 */
export async function listenImds(deps: ImdsServerDeps, port: number): Promise<ImdsListening> {
  const v4 = imdsServer(deps);
  const v6 = imdsServer(deps);
  const listening = await listen(v4, port, LOOPBACK);
  try {
    await listen(v6, listening, LOOPBACK_V6);
  } catch (error) {
    if (!hasNoIpv6(error)) {
      await close(v4);
      throw error;
    }
  }
  return { port: listening, close: async () => void (await Promise.all([close(v4), close(v6)])) };
}

function imdsServer({ answer, onAnswer }: ImdsServerDeps): Server {
  const server = limitedServer((request, response) => {
    const { method = "", url = "", headers } = request;
    void answer({ method, path: url, headers }).then((answered) => {
      onAnswer?.(answered.status);
      send(request, response, answered);
    });
  });
  server.on("checkContinue", (request, response) => server.emit("request", request, response));
  return server;
}

function hasNoIpv6(error: unknown): boolean {
  const cause = error instanceof CodedError ? error.cause : undefined;
  return ["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(systemCode(cause) ?? "");
}
