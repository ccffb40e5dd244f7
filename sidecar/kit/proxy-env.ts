import { ENV } from "../contract/env.ts";
import { httpOrigin, optional, parseEnv, type Env, type Parsed } from "./env.ts";
import { Secret } from "./secret.ts";
import type { Proxy } from "./tunnel.ts";

const CREDENTIALS = {
  username: optional(ENV.stsProxyUsername, userName, undefined),
  password: optional(ENV.stsProxyPassword, (raw) => new Secret(withoutLineEnd(raw)), undefined),
};

/** The sidecar's variables about the proxy on the way to STS. */
export const PROXY_FIELDS = {
  origin: optional(ENV.stsProxy, httpOrigin, undefined),
  credentials: CREDENTIALS,
};

export const proxyOf = ({ origin, credentials }: Parsed<typeof PROXY_FIELDS>): Proxy | undefined =>
  origin === undefined ? undefined : { origin, credentials: joined(credentials) };

/**
 * `user:password` of the same variables; undefined if there is no user.
 * @throws CodedError `CONFIG_INVALID`
 */
export const proxyCredentialsIn = (env: Env): Secret | undefined => joined(parseEnv(env, CREDENTIALS));

const joined = ({ username, password }: Parsed<typeof CREDENTIALS>): Secret | undefined =>
  username && new Secret(`${username.reveal()}:${password?.reveal() ?? ""}`);

/** RFC 7617, section 2: the first colon ends the name. */
function userName(raw: string): Secret {
  if (raw.includes(":")) throw new Error("must not contain a colon");
  return new Secret(withoutLineEnd(raw));
}

/** Secrets that are made from files often have one. */
const withoutLineEnd = (raw: string): string => raw.replace(/\r?\n$/, "");
