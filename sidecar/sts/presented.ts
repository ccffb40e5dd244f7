import { isRecord, parseJson } from "../kit/json.ts";
import { isKeyText, type Secret } from "../kit/secret.ts";

/** What a service account's token says of itself that IAM compares with a provider and a trust policy. None of it is secret. */
export interface Presented {
  readonly issuer: string;
  readonly audience: string;
  readonly subject: string;
}

/** Longer than any issuer or service account, and short enough for a message. */
const CLAIM_MAX = 330;

/**
 * Looks into a token that STS has refused, so that the message can name what it holds. The signature is not checked: nothing depends on
 * this but the message. Undefined for what is no token of a service account.
 */
export function presentedBy(token: Secret): Presented | undefined {
  const claims = claimsIn(token);
  const { iss: issuer, aud, sub: subject } = claims;
  const audience = Array.isArray(aud) ? aud.join(",") : aud;
  return isShown(issuer) && isShown(audience) && isShown(subject) ? { issuer, audience, subject } : undefined;
}

function claimsIn(token: Secret): Readonly<Record<string, unknown>> {
  try {
    const [, payload = ""] = token.reveal().split(".");
    const claims = parseJson(Buffer.from(payload, "base64url").toString());
    return isRecord(claims) ? claims : {};
  } catch {
    return {};
  }
}

const isShown = (claim: unknown): claim is string =>
  typeof claim === "string" && claim.length <= CLAIM_MAX && isKeyText(claim);

/** A sentence. */
export const presentedText = ({ issuer, audience, subject }: Presented): string =>
  `The token has issuer ${issuer}, audience ${audience} and subject ${subject}.`;

/** What shows which line of the role's trust policy differs; undefined where the token is of no service account. */
export function compareCommand(
  roleArn: string,
  { issuer, audience, subject }: Presented,
): string | undefined {
  const [, namespace, account] = /^system:serviceaccount:([a-z0-9-]+):([a-z0-9.-]+)$/.exec(subject) ?? [];
  if (account === undefined || !/^https:\/\/[\w./~-]+$/.test(issuer) || !/^[\w.:/-]+$/.test(audience)) {
    return undefined;
  }
  const name = roleArn.slice(roleArn.lastIndexOf("/") + 1);
  const other = audience === "sts.amazonaws.com" ? "" : ` --token-audience ${audience}`;
  return `aws iam get-role --role-name ${name} --output json | podrole trust-policy -n ${namespace} --service-account ${account} --oidc-issuer ${issuer}${other} --against -`;
}
