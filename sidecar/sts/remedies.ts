import { ANNOTATION } from "../contract/annotations.ts";
import { compareCommand, type Presented } from "./presented.ts";
import type { StsAction } from "./role-request.ts";

/** What a remedy can mention of the refused call. */
export interface Refused {
  readonly roleArn: string;
  readonly action: StsAction | "GetCallerIdentity";
  readonly region: string;
  /** By the token that was sent, if there was one. */
  readonly presented?: Presented | undefined;
}

const CLOCK =
  "Set the node's clock: it differs from AWS's by more than STS allows. The next attempt is signed with AWS's time.";
const CALLER_KEYS =
  "Renew the keys that the sidecar itself calls STS with (source ambient: the admin's Secret).";

/** Where the audience is not known, how it is set. */
const audienceOf = (presented: Presented | undefined): string =>
  presented === undefined
    ? `the audience of the pod's token (sts.amazonaws.com, if neither the setting tokenAudience nor ${ANNOTATION.serviceAccountAudience} on the service account names another)`
    : `the audience ${presented.audience}`;

function identityTokenRemedy(text: string, presented: Presented | undefined): string {
  const audience = audienceOf(presented);
  if (/audience/i.test(text)) {
    const instead =
      presented === undefined
        ? "correct that setting or annotation"
        : `correct the setting tokenAudience or ${ANNOTATION.serviceAccountAudience} on the service account`;
    return `Add ${audience} to the identity provider of the cluster's OIDC issuer, in the role's account, or ${instead}.`;
  }
  if (/verification key/i.test(text)) {
    return "Make the discovery document and keys of the cluster's OIDC issuer reachable from the internet; the sidecar tries again.";
  }
  if (/No OpenIDConnect provider/i.test(text)) {
    return `Register the cluster's OIDC issuer as an identity provider in the role's account, with ${audience}; its URL must be exactly the token's issuer.`;
  }
  return `Register the cluster's OIDC issuer as an identity provider in the role's account, with ${audience}, and make its discovery document and keys public.`;
}

function trustRemedy({ roleArn, action, presented }: Refused): string {
  if (action !== "AssumeRoleWithWebIdentity") {
    return `Check that ${roleArn} exists, that its trust policy names the calling role (for tags also sts:TagSession, and the external id if it asks for one) and that the caller may sts:AssumeRole it; "podrole trust-policy" prints both policies, and with --against checks the one that is there.`;
  }
  const command = presented === undefined ? undefined : compareCommand(roleArn, presented);
  return command === undefined
    ? `Check that the role exists and that its trust policy allows sts:AssumeRoleWithWebIdentity to this cluster's OIDC provider, with this pod's service account as sub; "podrole trust-policy" prints one.`
    : `Run "${command}": it shows whether the role exists, and what its trust policy lacks.`;
}

/** What to do about a refusal by STS, or undefined where its own text says it. */
export function remedyOf(code: string, text: string, refused: Refused): string | undefined {
  const { roleArn, region } = refused;
  switch (code) {
    case "AccessDenied":
    case "AccessDeniedException":
      if (text.includes("sts:TagSession")) {
        return `Allow sts:TagSession beside sts:AssumeRole, in the trust policy of ${roleArn} and to the caller, or have a cluster admin set sessionTags to false.`;
      }
      return trustRemedy(refused);
    case "InvalidIdentityToken":
      return identityTokenRemedy(text, refused.presented);
    case "IDPRejectedClaim":
      return "Check the audience and the subject in the role's trust policy against the pod's service account token.";
    case "IDPCommunicationError":
      return "Make sure that the cluster's OIDC issuer answers from the internet; the sidecar tries again.";
    case "ExpiredTokenException":
      return "See whether the kubelet still renews the pod's service account token; it is read again at every attempt.";
    case "RegionDisabledException":
      return `Activate STS in ${region} in the account's settings, or set the annotation podrole.dev/region to a region that is active.`;
    case "RequestExpired":
    case "RequestTimeTooSkewed":
      return CLOCK;
    case "SignatureDoesNotMatch":
      return /^Signature (?:expired|not yet current)/.test(text) ? CLOCK : CALLER_KEYS;
    case "InvalidClientTokenId":
    case "UnrecognizedClientException":
    case "ExpiredToken":
      return CALLER_KEYS;
    case "ValidationError":
      return "Lower podrole.dev/session-duration to what the role's MaxSessionDuration allows (1h for a chained session), and check the other session annotations.";
    case "PackedPolicyTooLarge":
      return "Shorten the session policy or the session tags.";
    case "MalformedPolicyDocument":
      return "Correct the session policy.";
    default:
      return undefined;
  }
}
