import { createHash, createHmac } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** What the Authorization header of a signed request says. */
export interface Signed {
  readonly accessKeyId: string;
  /** `<date>/<region>/<service>/aws4_request` */
  readonly scope: string;
  readonly headers: readonly string[];
  readonly signature: string;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/;

/** Undefined where a request is not signed by version 4. */
export function signedBy({ headers }: IncomingMessage): Signed | undefined {
  const [, accessKeyId = "", scope = "", names = "", signature = ""] =
    AUTHORIZATION.exec(headers.authorization ?? "") ?? [];
  if (accessKeyId === "") return undefined;
  return { accessKeyId, scope, headers: names.split(";"), signature };
}

/** Computes what the holder of the secret must have sent, by AWS's own description of Signature Version 4. */
export function signatureOf(request: IncomingMessage, body: Buffer, signed: Signed, secret: string): string {
  const value = (name: string): string => String(request.headers[name] ?? "");
  const [path = "", query = ""] = (request.url ?? "").split("?");
  const canonical = [
    request.method,
    path,
    query.split("&").toSorted().join("&"),
    ...signed.headers.map((name) => `${name}:${value(name).trim().replaceAll(/ +/g, " ")}`),
    "",
    signed.headers.join(";"),
    value("x-amz-content-sha256") || createHash("sha256").update(body).digest("hex"),
  ].join("\n");
  const text = [
    "AWS4-HMAC-SHA256",
    value("x-amz-date"),
    signed.scope,
    createHash("sha256").update(canonical).digest("hex"),
  ].join("\n");
  const key = signed.scope.split("/").reduce(hmac, Buffer.from(`AWS4${secret}`));
  return hmac(key, text).toString("hex");
}

const hmac = (key: Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
