import { CodedError } from "../kit/errors.ts";

/**
 * What to expect of the next attempt. `definite`: STS refused, and will until somebody changes something. `throttled`: it
 * accepts fewer requests. `passing`: an outage, a time-out, a token that is about to be renewed.
 */
export type FailureKind = "definite" | "throttled" | "passing";

/** Why an attempt to get credentials failed. If STS answered, the code is STS's own. */
export class IssueError extends CodedError {
  readonly kind: FailureKind;
  /** Whether a session that was made before is not to be used any more. */
  readonly endsSession: boolean;

  constructor(
    code: string,
    message: string,
    options: { kind: FailureKind; remedy?: string; endsSession?: boolean },
  ) {
    // No cause: it could hold what somebody answered, which must not be printed.
    super(code, message, options.remedy === undefined ? {} : { remedy: options.remedy });
    this.kind = options.kind;
    this.endsSession = options.endsSession ?? false;
  }
}

/** The AWS SDK's list. */
const THROTTLED = new Set([
  "BandwidthLimitExceeded",
  "EC2ThrottledException",
  "ProvisionedThroughputExceededException",
  "TransactionInProgressException",
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

/** 4xx that pass by themselves: the identity provider was out of reach, or the next token or key will be new. */
const PASSING = new Set([
  "IDPCommunicationError",
  "ExpiredToken",
  "ExpiredTokenException",
  "RequestTimeout",
  "RequestTimeoutException",
]);

/**
 * Refusals that the code alone does not tell: the issuer's keys could not be fetched, or the signature's time was wrong,
 * and the next one uses AWS's time.
 */
const PASSING_BY_TEXT: Readonly<Record<string, RegExp>> = {
  InvalidIdentityToken: /retrieve verification key/i,
  SignatureDoesNotMatch: /^Signature (?:expired|not yet current)/,
  InvalidSignatureException: /^Signature (?:expired|not yet current)/,
  RequestExpired: /./,
  RequestInTheFuture: /./,
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
