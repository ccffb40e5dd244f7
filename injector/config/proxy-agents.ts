import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { connect, type ConnectionOptions } from "node:tls";
import { openTunnel, type Proxy, type ProxyFailure } from "../../sidecar/kit/tunnel.ts";

interface ProxyAgents {
  /** For the AWS SDK: every connection goes through the proxy, also of its own call for credentials by STS. */
  readonly agents: { readonly httpAgent: HttpAgent; readonly httpsAgent: HttpsAgent };
  /** Why the last connection failed, if the proxy was the reason. */
  readonly failure: () => ProxyFailure | undefined;
  /** Leaves no socket behind. */
  readonly close: () => void;
}

/** @param ca PEM certificates that are trusted in place of Node's roots, for the proxy and behind it */
export function proxyAgents(proxy: Proxy, ca: readonly string[] | undefined): ProxyAgents {
  const trusted = ca === undefined ? {} : { ca: [...ca] };
  const open = new Set<() => void>();
  let failure: ProxyFailure | undefined;
  const through = <A extends HttpAgent>(agent: A, isTls: boolean): A => {
    agent.createConnection = (options, done = () => {}) => {
      const { host = "", port = isTls ? 443 : 80 } = options;
      const giveUp = openTunnel({ proxy, to: `${host}:${port}`, ...trusted }, (opened) => {
        open.delete(giveUp);
        failure = opened.kind === "open" ? undefined : opened;
        if (opened.kind !== "open") return done(new Error("no way through the proxy"), null as never);
        const { stream } = opened;
        stream.on("error", () => {});
        open.add(() => void stream.destroy());
        done(null, isTls ? connect({ ...options, host, socket: stream } as ConnectionOptions) : stream);
      });
      open.add(giveUp);
      return undefined;
    };
    return agent;
  };
  return {
    agents: {
      httpAgent: through(new HttpAgent(), false),
      httpsAgent: through(new HttpsAgent(trusted), true),
    },
    failure: () => failure,
    close: () => {
      for (const giveUp of open) giveUp();
    },
  };
}
