import { createHash, timingSafeEqual } from "node:crypto";
import { APP_ENV } from "../contract/pod.ts";
import { CodedError } from "../kit/errors.ts";
import type { Headers } from "../kit/http-message.ts";
import type { TokenFile } from "./token-file.ts";

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

/** The ways to an identity. Either may be missing: then it gives access to nobody. */
export interface Guarded {
  /** 32 bytes. */
  readonly tokenSha256?: Buffer;
  readonly tokenFile?: Pick<TokenFile, "digests" | "reread" | "problem">;
}

/**
 * The identity whose token the raw `Authorization` value is. SDKs send the token as it is, with no scheme. A token that is
 * not known may be newer than the sidecar's, so the files are read again before it is refused.
 * @throws CodedError `TOKEN_MISSING`, `TOKEN_WRONG`, `TOKEN_SHARED`, `APP_TOKEN_UNREADABLE` or `TOKENS_UNREAD`
 */
export async function requireIdentity<T extends Guarded>(
  headers: Headers,
  identities: readonly T[],
): Promise<T> {
  const value = headers["authorization"];
  if (typeof value !== "string" || value === "") {
    throw new CodedError("TOKEN_MISSING", "The request has no Authorization header.", {
      remedy: `Send the content of the file ${APP_ENV.tokenFile} or else the value of ${APP_ENV.token} as it is, as AWS SDKs do.`,
    });
  }
  // Node decodes headers as latin1, so latin1 gives the bytes back.
  const digest = createHash("sha256").update(value, "latin1").digest();
  const known = openedBy(digest, identities);
  if (known !== undefined) return known;
  const files = identities.flatMap(({ tokenFile }) => tokenFile ?? []);
  const read = await Promise.all(files.map((file) => file.reread()));
  const renewed = files.length === 0 ? undefined : openedBy(digest, identities);
  if (renewed !== undefined) return renewed;
  // The token may be the one that the file should hold, so this may pass.
  const problem = files.map((file) => file.problem()).find((one) => one !== undefined);
  const passing = problem ?? (read.includes(false) ? unread() : undefined);
  throw (
    passing ??
    new CodedError("TOKEN_WRONG", "The Authorization header does not hold a token of this pod.", {
      remedy: `See whether the container changes ${APP_ENV.tokenFile} or ${APP_ENV.token}.`,
    })
  );
}

const unread = (): CodedError =>
  new CodedError(
    "TOKENS_UNREAD",
    "Too many requests with unknown tokens wait for the token file to be read.",
    {
      remedy: "Try again. See which container sends wrong tokens.",
    },
  );

/**
 * Compares with every token of every identity: the time that this takes tells nothing, and the digests hide the length.
 * @throws CodedError `TOKEN_SHARED`
 */
function openedBy<T extends Guarded>(digest: Buffer, identities: readonly T[]): T | undefined {
  const opened = identities.filter(({ tokenSha256, tokenFile }) => {
    const digests = [...(tokenSha256 === undefined ? [] : [tokenSha256]), ...(tokenFile?.digests() ?? [])];
    return digests.filter((one) => timingSafeEqual(digest, one)).length > 0;
  });
  if (opened.length > 1) {
    throw new CodedError(
      "TOKEN_SHARED",
      "Two identities of this pod have the same token, so it opens neither.",
      {
        remedy: "Delete the pod, so that it is created anew. Each identity must have a volume of its own.",
      },
    );
  }
  return opened[0];
}
