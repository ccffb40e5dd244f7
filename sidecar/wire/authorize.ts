import { createHash, timingSafeEqual } from "node:crypto";
import { CodedError } from "../kit/errors.ts";

/** The request headers that matter, in Node's spelling: lower case, a list where a header came more than once. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * A browser or a proxy may be talked into sending a request here, but not into naming the loopback as its host: a name
 * that was rebound to 127.0.0.1 stays in `Host`, and a proxy that passes a stranger's request on says so. SDKs send the
 * host with the port or, the CRT, without.
 * @throws CodedError `HOST_REFUSED` or `PROXY_REFUSED`
 */
export function requireLoopbackHost(headers: Headers): void {
  const host = headers["host"];
  if (typeof host !== "string" || !/^(?:127\.0\.0\.1|localhost)(?::\d{1,5})?$/i.test(host)) {
    throw new CodedError("HOST_REFUSED", "The Host header is not 127.0.0.1 or localhost.");
  }
  if (headers["x-forwarded-for"] !== undefined) {
    throw new CodedError("PROXY_REFUSED", "The request came through a proxy.", {
      remedy: "Add 127.0.0.1 to NO_PROXY.",
    });
  }
}

/**
 * Whose token the raw `Authorization` value is: SDKs send it as it is, with no scheme. Digests are compared, and every one
 * of them, so that neither the time nor the length says anything of any token.
 * @throws CodedError `TOKEN_MISSING` or `TOKEN_WRONG`
 */
export function requireIdentity<T extends { readonly tokenSha256: Buffer }>(
  headers: Headers,
  identities: readonly T[],
): T {
  const value = headers["authorization"];
  if (typeof value !== "string" || value === "") {
    throw new CodedError("TOKEN_MISSING", "The request has no Authorization header.", {
      remedy: "Send the value of AWS_CONTAINER_AUTHORIZATION_TOKEN as it is, as AWS SDKs do.",
    });
  }
  // Node hands header bytes over as latin1, so that is how the bytes come back.
  const digest = createHash("sha256").update(value, "latin1").digest();
  // Not `find`, which stops at the first: how long it took would tell whose token it was.
  const matches = identities.map(({ tokenSha256 }) => timingSafeEqual(digest, tokenSha256));
  const identity = identities[matches.indexOf(true)];
  if (identity === undefined) {
    throw new CodedError("TOKEN_WRONG", "The Authorization header does not hold this pod's token.");
  }
  return identity;
}
