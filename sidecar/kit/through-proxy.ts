import { isIP, type LookupFunction } from "node:net";
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
import { hostOf } from "./address.ts";
import { trusting, type Trusted } from "./trusting.ts";
import { openTunnel, type Proxy, type ProxyFailure } from "./tunnel.ts";

export interface ThroughProxy {
  readonly proxy: Proxy;
  /** Where the request goes: an origin. */
  readonly origin: string;
  /** Trusted in place of Node's roots, for the proxy and for the origin. */
  readonly ca: Trusted | undefined;
  readonly lookup: LookupFunction;
  /** Called once the proxy can be reached. */
  readonly onReached: () => void;
  /** Called once the proxy has connected to the origin. */
  readonly onOpen: () => void;
  readonly onFailure: (failure: ProxyFailure) => void;
}

export interface ProxiedConnection {
  /** For Node's request, as its option of this name. */
  readonly createConnection: (
    options: unknown,
    connected: (error: null, stream: Duplex) => void,
  ) => undefined;
  /** Leaves no socket behind. */
  readonly giveUp: () => void;
}

/**
 * A request's connection by a proxy's tunnel. TLS with the origin is end to end: the proxy sees its name and bytes that it cannot
 * read.
 */
export function throughProxy(way: ThroughProxy): ProxiedConnection {
  const { protocol, hostname, port } = new URL(way.origin);
  const isTls = protocol === "https:";
  const host = hostOf(way.origin);
  let giveUp = (): void => {};
  return {
    giveUp: () => giveUp(),
    createConnection: (_, connected) => {
      const { proxy, lookup, onReached } = way;
      const to = `${hostname}:${port || (isTls ? 443 : 80)}`;
      giveUp = openTunnel({ proxy, to, lookup, onReached, ca: way.ca }, (opened) => {
        if (opened.kind !== "open") return way.onFailure(opened);
        const { stream } = opened;
        // The stream above it reports the error.
        stream.on("error", () => {});
        giveUp = () => void stream.destroy();
        way.onOpen();
        const servername = isIP(host) === 0 ? host : "";
        connected(null, isTls ? connect({ socket: stream, host, servername, ...trusting(way.ca) }) : stream);
      });
      return undefined;
    },
  };
}
