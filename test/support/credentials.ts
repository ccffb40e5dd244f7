import type { Credentials } from "../../sidecar/sts/credentials.ts";
import { Secret } from "../../sidecar/kit/secret.ts";

export const ROLE = "arn:aws:iam::123456789012:role/billing-reader";

export function credentials(over: Partial<Credentials> = {}): Credentials {
  return {
    accessKeyId: "ASIAEXAMPLE",
    secretAccessKey: new Secret("the-secret-access-key"),
    sessionToken: new Secret("the-session-token"),
    issuedAt: Date.UTC(2026, 10, 21, 12, 0, 0, 999),
    expiresAt: Date.UTC(2026, 10, 21, 13, 0, 0, 999),
    roleArn: ROLE,
    accountId: "123456789012",
    ...over,
  };
}
