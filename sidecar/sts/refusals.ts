import { IssueError, kindOf } from "./issue-error.ts";
import { errorName, systemCode } from "../kit/errors.ts";
import { remedyOf, unreachableRemedy } from "./remedies.ts";
import type { StsAction } from "./role-request.ts";
import type { Secret } from "../kit/secret.ts";

/** The call that failed. */
export interface StsCall {
  readonly roleArn: string;
  readonly action: StsAction;
  readonly region: string;
  readonly endpoint: string | undefined;
  /** FIPS, dual-stack or both. */
  readonly special: boolean;
  readonly timeoutMs: number;
  /** Secrets that were sent and must not be repeated in a message. */
  readonly confidential: readonly Secret[];
}

/** Makes an error that can be shown to anybody, with a remedy, of what the SDK threw. */
export function stsFailure(thrown: unknown, call: StsCall): IssueError {
  const what = `${call.action} for ${call.roleArn}`;
  const status = statusOf(thrown);
  const code = codeOf(thrown);
  if (!(thrown instanceof Error) || code === undefined || status === undefined) {
    return transportFailure(thrown, status, what, call);
  }
  const remedy = remedyOf(code, thrown.message, call);
  return new IssueError(code, `STS refused ${what}: ${sentence(thrown.message, call.confidential)}`, {
    kind: kindOf(code, status, thrown.message),
    ...(remedy === undefined ? {} : { remedy }),
  });
}

/**
 * The code as STS wrote it, or undefined if the answer is not STS's. Not the SDK's `name` of the error, which turns
 * `InvalidIdentityToken` into `InvalidIdentityTokenException`.
 */
function codeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("$fault" in thrown) || !("Code" in thrown)) return undefined;
  return typeof thrown.Code === "string" && /^[A-Z][\w.]{0,79}$/.test(thrown.Code) ? thrown.Code : undefined;
}

function transportFailure(
  thrown: unknown,
  status: number | undefined,
  what: string,
  { region, endpoint, special, timeoutMs }: StsCall,
): IssueError {
  const where = endpoint === undefined ? `STS in ${region}` : `the STS endpoint ${endpoint}`;
  // Never the error's own text: the SDK's parser quotes a part of an answer that is no XML.
  if (status !== undefined) {
    const message = `${where} answered ${what} with HTTP ${status}, and the answer is not STS's.`;
    const remedy = "See what is between the pod and STS: a proxy, a firewall, a VPC endpoint.";
    return new IssueError("STS_ANSWER_INVALID", message, { kind: "passing", remedy });
  }
  const why = errorName(thrown);
  const remedy = unreachableRemedy(why, { special });
  if (isTimeout(thrown)) {
    const message = `${where} did not answer ${what} within ${timeoutMs / 1000} s.`;
    return new IssueError("STS_TIMEOUT", message, { kind: "passing", remedy });
  }
  return new IssueError("STS_UNREACHABLE", `${where} cannot be reached (${why}) for ${what}.`, {
    kind: "passing",
    remedy,
  });
}

/** By the code first: the SDK also calls a connection that was cut a TimeoutError. */
function isTimeout(thrown: unknown): boolean {
  const code = systemCode(thrown);
  if (code !== undefined) return code === "ETIMEDOUT";
  return thrown instanceof Error && (thrown.name === "TimeoutError" || thrown.name === "AbortError");
}

function statusOf(thrown: unknown): number | undefined {
  if (typeof thrown !== "object" || thrown === null || !("$metadata" in thrown)) return undefined;
  const metadata = thrown.$metadata;
  if (typeof metadata !== "object" || metadata === null || !("httpStatusCode" in metadata)) return undefined;
  return typeof metadata.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
}

/**
 * STS's own text, on one line, cut to 400 characters. For a bad signature STS quotes the request that it had expected,
 * including the session token, so the secrets that were sent are removed.
 */
function sentence(text: string, confidential: readonly Secret[]): string {
  const clean = confidential.reduce((rest, secret) => rest.replaceAll(secret.reveal(), "[secret]"), text);
  const line = clean.replaceAll(/\s+/g, " ").trim().slice(0, 400);
  return /[.!?]$/.test(line) ? line : `${line}.`;
}
