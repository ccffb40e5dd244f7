import { randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { refusal, type StsRefusal } from "./sts-refusal.ts";

export interface IssuedKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** `arn:<partition>:sts::<account>:assumed-role/<role>/<session>` */
  readonly arn: string;
}

/** Whose keys they are. */
export interface Owner {
  readonly arn: string;
  /** Session keys only. */
  readonly keys?: IssuedKeys;
}

/** Every key that is known here. */
export interface KeyRing {
  /** Every session that was granted, oldest first. */
  readonly issued: readonly IssuedKeys[];
  /** Makes a long-lived access key id known. */
  readonly add: (accessKeyId: string, ownerArn: string) => void;
  /** Makes the keys of a new session. */
  readonly issue: (ownerArn: string, lifetimeSeconds: number) => IssuedKeys;
  /** Who has signed a request, known by access key id and session token; undefined: nobody. */
  readonly signerOf: (headers: IncomingHttpHeaders) => Owner | StsRefusal | undefined;
}

/** @param now milliseconds since the epoch */
export function keyRing(now: () => number): KeyRing {
  const owners = new Map<string, Owner>();
  const issued: IssuedKeys[] = [];
  return {
    issued,
    add: (accessKeyId, arn) => void owners.set(accessKeyId, { arn }),
    issue: (arn, lifetimeSeconds) => {
      const keys: IssuedKeys = {
        accessKeyId: `ASIA${randomBytes(8).toString("hex").toUpperCase()}`,
        secretAccessKey: randomBytes(30).toString("base64"),
        sessionToken: randomBytes(240).toString("base64"),
        expiresAt: Math.floor(now() / 1000 + lifetimeSeconds) * 1000,
        arn,
      };
      owners.set(keys.accessKeyId, { arn, keys });
      issued.push(keys);
      return keys;
    },
    signerOf: ({ authorization, ...headers }) => {
      if (authorization === undefined) return undefined;
      const id = /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\//.exec(authorization)?.[1];
      const owner = id === undefined ? undefined : owners.get(id);
      if (owner === undefined || owner.keys?.sessionToken !== headers["x-amz-security-token"])
        return INVALID_TOKEN;
      const skewed = notOfNow(String(headers["x-amz-date"] ?? ""), now());
      if (skewed !== undefined) return skewed;
      return owner.keys !== undefined && owner.keys.expiresAt <= now() ? EXPIRED_TOKEN : owner;
    },
  };
}

const INVALID_TOKEN = refusal(
  403,
  "InvalidClientTokenId",
  "The security token included in the request is invalid.",
);
const EXPIRED_TOKEN = refusal(403, "ExpiredToken", "The security token included in the request is expired");

/** STS takes a signature of up to five minutes ago or ahead. */
function notOfNow(amzDate: string, now: number): StsRefusal | undefined {
  const iso = amzDate.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z");
  const lateMs = now - Date.parse(iso);
  if (!(Math.abs(lateMs) > 5 * 60_000)) return undefined;
  const what = lateMs > 0 ? "expired" : "not yet current";
  return refusal(
    403,
    "SignatureDoesNotMatch",
    `Signature ${what}: ${amzDate} is too far from STS's clock (5 min.)`,
  );
}
