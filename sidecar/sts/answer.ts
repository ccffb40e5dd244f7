import { isUtf8 } from "node:buffer";
import type { Answer } from "../kit/post.ts";
import { epochMsOf } from "../kit/rfc-3339.ts";
import { isKeyText, Secret } from "../kit/secret.ts";
import { CallError } from "./call-error.ts";
import type { StsAction } from "./role-request.ts";
import { elementAt, parseXml, type XmlElement } from "./xml.ts";

/** What an answer says, each part in the form that STS writes. */
export interface Granted {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken: Secret;
  /** Milliseconds since the epoch, by STS's clock. */
  readonly expiresAt: number;
  /** `AssumedRoleUser.Arn`: for whom the keys are. Empty if the answer does not say. */
  readonly arn: string;
  /** By which AWS finds the call again. */
  readonly requestId: string | undefined;
}

const CODE = /^[A-Z][\w.]{0,79}$/;
const REQUEST_ID = /^[\w-]{1,64}$/;
const ARN = /^arn:aws[a-z-]*:(?:iam|sts)::\d{12}:[\w+=,.@/-]{1,1200}$/;

/**
 * Reads the few fields that are needed.
 * @throws CallError `refused` with STS's own code, or `invalid-answer` for every answer that STS does not write
 */
export const grantedBy = (answer: Answer, action: StsAction): Granted =>
  readBy((root) => sessionIn(root, action), answer);

/**
 * The ARN of the caller, as GetCallerIdentity answers it.
 * @throws CallError as {@link grantedBy}
 */
export const callerArnBy = (answer: Answer): string =>
  readBy((root) => {
    const arn = textAt(root, "GetCallerIdentityResult", "Arn");
    return root.name === "GetCallerIdentityResponse" && ARN.test(arn) ? arn : undefined;
  }, answer);

function readBy<T>(success: (root: XmlElement) => T | undefined, { status, body }: Answer): T {
  const root = rootOf(body);
  const refused = root && status >= 400 ? tried(() => refusalIn(root)) : undefined;
  if (refused !== undefined) throw new CallError({ kind: "refused", status, ...refused });
  const read = root && status === 200 ? tried(() => success(root)) : undefined;
  if (read === undefined) throw new CallError({ kind: "invalid-answer", status });
  return read;
}

const rootOf = (body: Buffer): XmlElement | undefined =>
  isUtf8(body) ? tried(() => parseXml(body.toString("utf8"))) : undefined;

function sessionIn(root: XmlElement, action: StsAction): Granted | undefined {
  if (root.name !== `${action}Response`) return undefined;
  const field = (...path: readonly string[]): string => textAt(root, `${action}Result`, ...path);
  const key = (name: string): string | undefined => {
    const text = field("Credentials", name);
    return isKeyText(text) ? text : undefined;
  };
  const [accessKeyId, secretAccessKey, sessionToken, expiration] = [
    "AccessKeyId",
    "SecretAccessKey",
    "SessionToken",
    "Expiration",
  ].map((name) => key(name));
  const requestId = textAt(root, "ResponseMetadata", "RequestId");
  const expiresAt = epochMsOf(expiration ?? "");
  if (!accessKeyId || !secretAccessKey || !sessionToken || expiresAt === undefined) return undefined;
  return {
    accessKeyId,
    secretAccessKey: new Secret(secretAccessKey),
    sessionToken: new Secret(sessionToken),
    expiresAt,
    arn: field("AssumedRoleUser", "Arn"),
    requestId: REQUEST_ID.test(requestId) ? requestId : undefined,
  };
}

function refusalIn(root: XmlElement): { readonly code: string; readonly text: string } | undefined {
  if (root.name !== "ErrorResponse") return undefined;
  const code = textAt(root, "Error", "Code");
  return CODE.test(code) ? { code, text: textAt(root, "Error", "Message") } : undefined;
}

/** Empty if there is no such element, or if it holds others. */
function textAt(root: XmlElement, ...path: readonly string[]): string {
  const element = elementAt(root, ...path);
  return element === undefined || element.children.length > 0 ? "" : element.text;
}

/** Undefined if the document is not as it has to be. */
function tried<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
