import { PATH } from "../contract/pod.ts";
import { coded, CodedError } from "../kit/errors.ts";
import { toWire, type Credentials } from "../sts/credentials.ts";
import { IssueError } from "../sts/issue-error.ts";
import { requireIdentity, requireLoopbackHost, type Guarded } from "./authorize.ts";
import { wireAnswer, type WireAnswer, type WireRequest } from "../kit/http-message.ts";

/** One session and the token that gives access to it. */
export interface ServedIdentity extends Guarded {
  /** @throws CodedError */
  readonly credentials: () => Promise<Credentials>;
}

export interface WireDeps {
  readonly identities: readonly ServedIdentity[];
}

/**
 * The credentials endpoint as a function, without a socket. It never rejects.
 *
 * A 401 has no `WWW-Authenticate`: there is no scheme to name, and Java's client would act on one.
 */
export async function answer(request: WireRequest, deps: WireDeps): Promise<WireAnswer> {
  try {
    requireLoopbackHost(request.headers);
    requirePath(request.path);
    requireGet(request.method);
    const identity = await requireIdentity(request.headers, deps.identities);
    return json(200, toWire(await identity.credentials()));
  } catch (error) {
    return refused(coded(error));
  }
}

function requirePath(target: string): void {
  const [path] = target.split("?", 1);
  if (path !== PATH.credentials) throw new CodedError("PATH_UNKNOWN", `Only ${PATH.credentials} is served.`);
}

function requireGet(method: string): void {
  if (method !== "GET") throw new CodedError("METHOD_REFUSED", "Only GET is served.");
}

const STATUS: Readonly<Record<string, number>> = {
  HOST_REFUSED: 400,
  PROXY_REFUSED: 400,
  TOKEN_MISSING: 401,
  TOKEN_WRONG: 403,
  TOKEN_SHARED: 403,
  PATH_UNKNOWN: 404,
  METHOD_REFUSED: 405,
};

/** STS's codes for a caller that may not have the role. The broker's say so themselves. */
const DENIED: ReadonlySet<string> = new Set([
  "AccessDenied",
  "AccessDeniedException",
  "IDPRejectedClaim",
  "RegionDisabledException",
  "InvalidClientTokenId",
  "SignatureDoesNotMatch",
]);

/** Most SDKs try again after a 5xx and never after a 4xx, so a 4xx is for what will not pass by itself. */
function statusOf(error: CodedError): number {
  if (error instanceof IssueError && error.kind === "definite")
    return error.endsSession || DENIED.has(error.code) ? 403 : 400;
  return STATUS[error.code] ?? 503;
}

function refused(error: CodedError): WireAnswer {
  const message = [error.message, error.remedy].filter(Boolean).join(" ");
  const status = statusOf(error);
  // Both spellings: JS and Kotlin read the first, Java and Go the second.
  const fields = { Code: error.code, Message: message, code: error.code, message };
  return json(status, fields, status === 405 ? { Allow: "GET" } : {});
}

/** Exactly `application/json`: with a charset behind it, Kotlin and newer Go read no error body. */
const json = (
  status: number,
  fields: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): WireAnswer => wireAnswer(status, "application/json", JSON.stringify(fields), headers);
