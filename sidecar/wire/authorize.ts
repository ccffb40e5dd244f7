import { createHash, timingSafeEqual } from "node:crypto";
import { CodedError } from "../kit/errors.ts";
import type { Headers } from "./message.ts";

/**
 * A browser or a proxy may be made to send a request here, but it does not name the loopback as its host: a name that was
 * rebound to 127.0.0.1 stays in `Host`, and a proxy adds `X-Forwarded-For`. SDKs send the host with the port; the CRT
 * sends it without.
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
 * The identity whose token the raw `Authorization` value is. SDKs send the token as it is, with no scheme. The digests of
 * all identities are compared, so that neither time nor length tells anything about a token.
 * @throws CodedError `TOKEN_MISSING` or `TOKEN_WRONG`
 */
export function requireIdentity<T extends { readonly tokenSha256?: Buffer }>(
  headers: Headers,
  identities: readonly T[],
): T {
  const value = headers["authorization"];
  if (typeof value !== "string" || value === "") {
    throw new CodedError("TOKEN_MISSING", "The request has no Authorization header.", {
      remedy: "Send the value of AWS_CONTAINER_AUTHORIZATION_TOKEN as it is, as AWS SDKs do.",
    });
  }
  // Node decodes headers as latin1, so latin1 gives the bytes back.
  const digest = createHash("sha256").update(value, "latin1").digest();
  // Not `find`, which stops at the first match: the time it takes would tell whose token it was.
  const matches = identities.map(
    ({ tokenSha256 }) => tokenSha256 !== undefined && timingSafeEqual(digest, tokenSha256),
  );
  const identity = identities[matches.indexOf(true)];
  if (identity === undefined) {
    throw new CodedError("TOKEN_WRONG", "The Authorization header does not hold this pod's token.");
  }
  return identity;
}
