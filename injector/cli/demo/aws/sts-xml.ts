import type { WebIdentity } from "./sts-assume.ts";
import type { IssuedKeys } from "./sts-keys.ts";
import type { StsRefusal } from "./sts-refusal.ts";

const NAMESPACE = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"';
const REQUEST_ID = "<RequestId>00000000-0000-4000-8000-000000000000</RequestId>";

const result = (action: string, inner: string): string =>
  `<${action}Response ${NAMESPACE}><${action}Result>${inner}</${action}Result>` +
  `<ResponseMetadata>${REQUEST_ID}</ResponseMetadata></${action}Response>`;

export function assumedXml(action: string, keys: IssuedKeys, identity: WebIdentity | undefined): string {
  const credentials =
    `<Credentials><AccessKeyId>${keys.accessKeyId}</AccessKeyId><SecretAccessKey>${xml(keys.secretAccessKey)}</SecretAccessKey>` +
    `<SessionToken>${xml(keys.sessionToken)}</SessionToken><Expiration>${new Date(keys.expiresAt).toISOString()}</Expiration></Credentials>`;
  const user = `<AssumedRoleUser><Arn>${xml(keys.arn)}</Arn><AssumedRoleId>AROASTANDIN:session</AssumedRoleId></AssumedRoleUser>`;
  const web =
    identity === undefined
      ? ""
      : `<SubjectFromWebIdentityToken>${xml(identity.subject)}</SubjectFromWebIdentityToken><Audience>${xml(identity.audience)}</Audience>`;
  return result(action, credentials + user + web);
}

export const identityXml = (arn: string): string =>
  result(
    "GetCallerIdentity",
    `<Arn>${xml(arn)}</Arn><UserId>AROASTANDIN:${xml(arn.split("/").at(-1) ?? "")}</UserId><Account>${arn.split(":")[4] ?? ""}</Account>`,
  );

export const errorXml = ({ status, code, message }: StsRefusal): string =>
  `<ErrorResponse ${NAMESPACE}><Error><Type>${status < 500 ? "Sender" : "Receiver"}</Type>` +
  `<Code>${code}</Code><Message>${xml(message)}</Message></Error>${REQUEST_ID}</ErrorResponse>`;

const xml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
