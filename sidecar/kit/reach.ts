import { connect, type Socket } from "node:net";
import { systemCode } from "./errors.ts";

/** One end of a TCP connection. */
export interface End {
  readonly address: string;
  readonly port: number;
}

/** How an attempt to open a TCP connection ended. `from` is our end of it. */
export type Reach =
  | { readonly kind: "connected"; readonly from?: End }
  /** Refused at once, by a reset or by the kernel. `code` is the errno's name. */
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "timeout" };

/** Refused by a packet filter, or by a pod that has no way there: no IPv6, no route, a route that prohibits or is a black hole. */
export const REFUSED_ERRNOS: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "EACCES",
  "EPERM",
  "EINVAL",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
  "EAFNOSUPPORT",
]);

/**
 * Opens a TCP connection and closes it without sending a byte, so that the other end is asked for nothing.
 * Never rejects.
 * @param address an IPv4 or IPv6 address, not a name
 */
export function reach(address: string, port: number, timeoutMs: number): Promise<Reach> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (outcome: Reach): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => end({ kind: "timeout" }), timeoutMs);
    socket.once("connect", () => end(connected(socket)));
    socket.once("error", (error) => end({ kind: "refused", code: systemCode(error) ?? "UNKNOWN" }));
  });
}

/** A connection that is closed again by now no longer has its addresses. */
function connected({ localAddress: address, localPort: port }: Socket): Reach {
  return address === undefined || port === undefined
    ? { kind: "connected" }
    : { kind: "connected", from: { address, port } };
}
