import { isUtf8 } from "node:buffer";
import { REFUSAL_KINDS, type SessionRefused } from "../../contract/broker.ts";
import { isRecord, parseJson } from "../../kit/json.ts";
import type { WholeAnswer } from "../../kit/answer-reader.ts";
import { epochMsOf } from "../../kit/rfc-3339.ts";
import { isKeyText, Secret } from "../../kit/secret.ts";
import { accountId } from "../../sts/arn.ts";

export interface Granted {
  readonly kind: "granted";
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken: Secret;
  /** Milliseconds since the epoch, by the broker's clock. */
  readonly expiresAt: number;
  readonly roleArn: string;
}

export interface Refused {
  readonly kind: "refused";
  /** Its text is as it came. */
  readonly refusal: SessionRefused;
}

const CODE = /^[A-Za-z][\w.]{0,79}$/;

/**
 * Reads an answer strictly: whatever a broker of podrole's does not write is none, such as the page of a proxy.
 * @returns undefined if it is not the broker's
 */
export function brokerAnswer({
  status,
  body,
}: Pick<WholeAnswer, "status" | "body">): Granted | Refused | undefined {
  const fields = recordIn(body);
  if (fields === undefined) return undefined;
  const text = (name: string): string | undefined => {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  if (status === 200) return granted(text);
  return status >= 400 ? refused(text, fields["endsSession"] === true) : undefined;
}

type Text = (name: string) => string | undefined;

/** The body of the credentials endpoint: see `toWire`. */
function granted(text: Text): Granted | undefined {
  const key = (name: string): string | undefined => {
    const value = text(name);
    return value !== undefined && isKeyText(value) ? value : undefined;
  };
  const [accessKeyId, secretAccessKey, sessionToken, roleArn] = [
    key("AccessKeyId"),
    key("SecretAccessKey"),
    key("Token"),
    key("RoleArn"),
  ];
  const [expiresAt, updatedAt] = ["Expiration", "LastUpdated"].map((name) => epochMsOf(text(name) ?? ""));
  if (!accessKeyId || !secretAccessKey || !sessionToken || !roleArn) return undefined;
  if (expiresAt === undefined || updatedAt === undefined) return undefined;
  if (text("Code") !== "Success" || text("Type") !== "AWS-HMAC") return undefined;
  if (text("AccountId") !== accountId(roleArn)) return undefined;
  return {
    kind: "granted",
    accessKeyId,
    secretAccessKey: new Secret(secretAccessKey),
    sessionToken: new Secret(sessionToken),
    expiresAt,
    roleArn,
  };
}

function refused(text: Text, endsSession: boolean): Refused | undefined {
  const [code, message, remedy] = [text("code"), text("message"), text("remedy")];
  const kind = REFUSAL_KINDS.find((one) => one === text("kind"));
  if (code === undefined || !CODE.test(code) || message === undefined || kind === undefined) return undefined;
  return {
    kind: "refused",
    refusal: {
      code,
      message,
      kind,
      ...(remedy === undefined ? {} : { remedy }),
      ...(endsSession ? { endsSession } : {}),
    },
  };
}

function recordIn(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  if (!isUtf8(body)) return undefined;
  try {
    const parsed = parseJson(body.toString("utf8"));
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
