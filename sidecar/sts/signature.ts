import { createHash, createHmac } from "node:crypto";
import type { Keys } from "./client.ts";

/** A POST to the root of an endpoint, without a query. */
export interface ToSign {
  /** All are signed. The names are in lower case; `host` and `x-amz-date` are among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Scope {
  readonly region: string;
  readonly service: string;
}

/**
 * The header `Authorization` of AWS Signature Version 4. Pure. The steps and their names are those of "Create a signed AWS API
 * request" in the IAM user guide (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). A test
 * compares it with the AWS SDK's signer.
 */
export function authorization(
  { headers, body }: ToSign,
  { accessKeyId, secretAccessKey }: Pick<Keys, "accessKeyId" | "secretAccessKey">,
  { region, service }: Scope,
): string {
  const names = Object.keys(headers).toSorted();
  const signedHeaders = names.join(";");
  const canonicalHeaders = names.map((name) => `${name}:${trimmed(headers[name] ?? "")}\n`).join("");
  const canonicalRequest = ["POST", "/", "", canonicalHeaders, signedHeaders, sha256(body)].join("\n");

  const amzDate = headers["x-amz-date"] ?? "";
  const date = amzDate.slice(0, 8);
  const credentialScope = `${date}/${region}/${service}/aws4_request`;
  const stringToSign = [ALGORITHM, amzDate, credentialScope, sha256(canonicalRequest)].join("\n");

  const signingKey = [date, region, service, "aws4_request"].reduce<string | Buffer>(
    (key, part) => hmac(key, part),
    `AWS4${secretAccessKey.reveal()}`,
  );
  const signature = hmac(signingKey, stringToSign).toString("hex");
  return `${ALGORITHM} Credential=${accessKeyId}/${credentialScope}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
}

/** A time as the header `x-amz-date` has it: `20261128T220000Z`. */
export const amzDateOf = (epochMs: number): string =>
  new Date(epochMs).toISOString().replaceAll(/[:-]|\.\d+/g, "");

const ALGORITHM = "AWS4-HMAC-SHA256";
const trimmed = (value: string): string => value.trim().replaceAll(/\s+/g, " ");
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
