import type { SecureContext } from "node:tls";

/** PEM certificates; or the same read already, by a program that connects often: 20 ms of CPU each time with all public roots. */
export type Trusted = readonly string[] | SecureContext;

/**
 * The options of a TLS connection that checks the other end's certificate, also where `NODE_TLS_REJECT_UNAUTHORIZED` says not to.
 * @param ca trusted in place of Node's roots, if given
 */
export function trusting(ca: Trusted | undefined) {
  const only = ca === undefined ? {} : "context" in ca ? { secureContext: ca } : { ca: [...ca] };
  return { rejectUnauthorized: true, ...only };
}
