import type { Secret } from "../kit/secret.ts";

/** One session, as STS granted it. Times are in milliseconds since the epoch. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken: Secret;
  readonly expiresAt: number;
  readonly issuedAt: number;
  /** The role that was asked for, not the session's own ARN. */
  readonly roleArn: string;
  /** Twelve digits. */
  readonly accountId: string;
}

/**
 * The body of a 200, in the spelling of the ECS credentials endpoint. No field beyond these, and none null or empty:
 * old .NET SDKs fail on an unknown one, minio-go on an empty time, Rust on a `Code` other than `Success`.
 */
export function toWire(credentials: Credentials): Readonly<Record<string, string>> {
  return {
    Code: "Success",
    Type: "AWS-HMAC",
    LastUpdated: wholeSeconds(credentials.issuedAt),
    AccessKeyId: credentials.accessKeyId,
    SecretAccessKey: credentials.secretAccessKey.reveal(),
    Token: credentials.sessionToken.reveal(),
    Expiration: wholeSeconds(credentials.expiresAt),
    AccountId: credentials.accountId,
    RoleArn: credentials.roleArn,
  };
}

/** RFC 3339 in UTC with the suffix `Z`: JS v3 and Rust refuse an offset. Rounded down, so never too late. */
function wholeSeconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}

/**
 * When a session ends by this node's clock. If that is behind, the session ends earlier by it than STS says. If it is ahead, STS's
 * time stays: an SDK on that node would not use a session that is over by its clock.
 * @param expiresAt by the clock of whoever answered
 * @param aheadMs how far that clock is ahead of this node's, by the answer: up to a second too little
 */
export const endByOwnClock = (expiresAt: number, aheadMs: number): number =>
  expiresAt - (aheadMs > 0 ? aheadMs + 1000 : 0);

/** Written so that an end that is not a number counts as passed. */
export const isExpired = (credentials: Credentials, nowMs: number): boolean =>
  !(credentials.expiresAt > nowMs);
