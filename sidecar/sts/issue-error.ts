import { CodedError } from "../kit/errors.ts";

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

/**
 * Refusals whose code says less than their text: the keys of the issuer could not be fetched; the signature was made by
 * another clock than AWS's, and the next one is made by AWS's.
 */
const PASSING_BY_TEXT: Readonly<Record<string, RegExp>> = {
  InvalidIdentityToken: /retrieve verification key/i,
  SignatureDoesNotMatch: /^Signature (?:expired|not yet current)/,
  RequestExpired: /./,
  RequestTimeTooSkewed: /./,
};

/**
 * @param status the HTTP status that came with the code
 * @param text STS's own
 */
export function kindOf(code: string, status: number, text: string): FailureKind {
  if (THROTTLED.has(code) || status === 429) return "throttled";
  if (status >= 500 || PASSING.has(code)) return "passing";
  const passing = Object.hasOwn(PASSING_BY_TEXT, code) ? PASSING_BY_TEXT[code] : undefined;
  return passing?.test(text) === true ? "passing" : "definite";
}
