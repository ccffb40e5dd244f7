import { connect, createServer, type Server, type Socket } from "node:net";
import { LOOPBACK } from "../contract/pod.ts";
import { CodedError, systemCode } from "../kit/errors.ts";
import type { Reach } from "../kit/reach.ts";

/** What the other end of a connection said by itself, or how the attempt ended. It was not sent a byte. */
export type Greeting =
  | Exclude<Reach, { kind: "connected" }>
  | { readonly kind: "connected"; readonly said: string };

/** Listens where the sidecar will, for as long as the proof takes. */
export interface StandIn {
  close(): Promise<void>;
}

/** A pod without IPv6 has no ::1, so no connection can be redirected there either. */
const NO_IPV6 = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT"]);

/**
 * Listens on the port of the sidecar's metadata endpoint and says one word to each connection.
 * @throws CodedError `GUARD_NOT_APPLIED` if the port is taken
 */
export async function standIn(port: number, word: string): Promise<StandIn> {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const close = async (): Promise<void> => {
    const closed = servers.map(
      (server) => new Promise<void>((resolve) => void server.close(() => resolve())),
    );
    // The pod's app may have connected, too. If it has sent something that nobody reads, its connection never ends by itself.
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
  };
  try {
    for (const host of [LOOPBACK, "::1"]) {
      const server = createServer((socket) => {
        sockets.add(socket);
        socket.on("error", () => undefined).once("close", () => sockets.delete(socket));
        socket.end(word);
      });
      const listening = new Promise<void>((resolve, reject) => {
        server.once("error", reject).listen({ port, host, ipv6Only: true }, resolve);
      });
      await listening.then(
        () => servers.push(server),
        (error: unknown) => {
          if (host === LOOPBACK || !NO_IPV6.has(systemCode(error) ?? "")) throw error;
        },
      );
    }
  } catch (cause) {
    await close();
    const message = `The port ${port} of the metadata endpoint is not free: ${systemCode(cause) ?? "UNKNOWN"}.`;
    const remedy = "Let no other program of the pod listen on it, or choose another.";
    throw new CodedError("GUARD_NOT_APPLIED", message, { remedy, cause });
  }
  return { close };
}

/**
 * Connects, sends nothing and reads what the other end says by itself. EC2's service waits for a request and says
 * nothing. Never rejects.
 */
export function readGreeting(address: string, port: number, timeoutMs: number): Promise<Greeting> {
  return new Promise((resolve) => {
    let [connected, said] = [false, ""];
    const socket = connect({ host: address, port });
    const end = (outcome: Greeting): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(connected ? { kind: "connected", said } : outcome);
    };
    const timer = setTimeout(() => end({ kind: "timeout" }), timeoutMs);
    socket.once("connect", () => (connected = true));
    socket.on("data", (part: Buffer) => (said += part.toString("latin1")));
    socket.once("end", () => end({ kind: "timeout" }));
    socket.once("error", (error) => end({ kind: "refused", code: systemCode(error) ?? "UNKNOWN" }));
  });
}
