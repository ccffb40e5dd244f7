import { CodedError } from "./kit/errors.ts";

/**
 * What the next attempt can hope for. `definite`: STS said no, and will until somebody changes something; `throttled`:
 * it will say yes to fewer requests; `passing`: an outage, a time-out, a token about to be renewed.
 */
export type FailureKind = "definite" | "throttled" | "passing";

/** Why one attempt at credentials failed. The code is STS's own wherever STS answered. */
export class IssueError extends CodedError {
  readonly kind: FailureKind;

  constructor(code: string, message: string, options: { kind: FailureKind; remedy?: string }) {
    // No cause: the SDK's errors carry the whole response, and whoever prints this one must not print that.
    super(code, message, options.remedy === undefined ? {} : { remedy: options.remedy });
    this.kind = options.kind;
  }
}

const THROTTLED = new Set([
  "Throttling",
  "ThrottlingException",
  "ThrottledException",
  "RequestThrottled",
  "RequestThrottledException",
  "RequestLimitExceeded",
  "TooManyRequestsException",
  "LimitExceededException",
  "PriorRequestNotComplete",
  "SlowDown",
]);

/** 4xx that pass by themselves: the identity provider was out of reach, or the next token or key is a fresh one. */
const PASSING = new Set(["IDPCommunicationError", "ExpiredToken", "ExpiredTokenException", "RequestTimeout"]);

/** @param status the HTTP status that came with the code */
export function kindOf(code: string, status: number): FailureKind {
  if (THROTTLED.has(code) || status === 429) return "throttled";
  return status >= 500 || PASSING.has(code) ? "passing" : "definite";
}
