import { ENV } from "../contract/env.ts";
import { httpOrigin, optional, type Parsed } from "../kit/env.ts";
import { Secret } from "../kit/secret.ts";
import type { Proxy } from "../kit/tunnel.ts";

/** The variables about the proxy on the way to STS. */
export const PROXY_FIELDS = {
  origin: optional(ENV.stsProxy, httpOrigin, undefined),
  username: optional(ENV.stsProxyUsername, userName, undefined),
  password: optional(ENV.stsProxyPassword, (raw) => new Secret(withoutLineEnd(raw)), undefined),
};

export const proxyOf = ({ origin, username, password }: Parsed<typeof PROXY_FIELDS>): Proxy | undefined =>
  origin === undefined
    ? undefined
    : {
        origin,
        credentials: username && new Secret(`${username.reveal()}:${password?.reveal() ?? ""}`),
      };

/** RFC 7617, section 2: the first colon ends the name. */
function userName(raw: string): Secret {
  if (raw.includes(":")) throw new Error("must not contain a colon");
  return new Secret(withoutLineEnd(raw));
}

/** Secrets that are made from files often have one. */
const withoutLineEnd = (raw: string): string => raw.replace(/\r?\n$/, "");
