import { createHmac, timingSafeEqual } from "node:crypto";

export const TTL_SECONDS_MAX = 21_600;

/** IMDSv2's session tokens. */
export interface Tokens {
  readonly issue: (ttlSeconds: number) => string;
  readonly isValid: (token: string) => boolean;
}

const END_BYTES = 8;
const MAC_BYTES = 32;

/**
 * A token is the time of its end, in milliseconds, with an HMAC over it. Nothing is stored, so no flood of PUTs can fill
 * the memory. Each process has its own key, so a restart ends every token; after a 401 SDKs ask for another.
 * @param key random bytes, kept for the life of the process
 * @param now milliseconds since the epoch
 */
export function tokensOf(key: Buffer, now: () => number): Tokens {
  const mac = (end: Buffer): Buffer => createHmac("sha256", key).update(end).digest();
  return {
    issue: (ttlSeconds) => {
      const end = Buffer.alloc(END_BYTES);
      end.writeBigUInt64BE(BigInt(Math.floor(now()) + ttlSeconds * 1000));
      return Buffer.concat([end, mac(end)]).toString("base64url");
    },
    isValid: (token) => {
      const bytes = Buffer.from(token, "base64url");
      if (bytes.length !== END_BYTES + MAC_BYTES) return false;
      const end = bytes.subarray(0, END_BYTES);
      return timingSafeEqual(bytes.subarray(END_BYTES), mac(end)) && end.readBigUInt64BE() > now();
    },
  };
}

/** The value of `X-aws-ec2-metadata-token-ttl-seconds`, or undefined where EC2 answers 400. */
export function parseTtl(raw: unknown): number | undefined {
  if (typeof raw !== "string" || !/^\d{1,5}$/.test(raw)) return undefined;
  const seconds = Number(raw);
  return seconds >= 1 && seconds <= TTL_SECONDS_MAX ? seconds : undefined;
}
