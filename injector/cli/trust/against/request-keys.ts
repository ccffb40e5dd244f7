import type { Step } from "../../../../sidecar/contract/session.ts";
import type { Caller } from "../principal.ts";
import { requestTag, tagsFor } from "../request-tags.ts";
import type { Subject } from "../subject.ts";

/**
 * What a call brings for a condition's key: its values, several only for keys that have several; that it brings none; or that this cannot
 * be known here, such as an address or a tag of the calling role.
 */
export type KeyValue = KeyValues | { readonly kind: "absent" } | { readonly kind: "unknown" };

export interface KeyValues {
  readonly kind: "values";
  readonly values: readonly string[];
  readonly several?: true;
}

/** @param key in lower case: IAM's keys are not case-sensitive */
export type RequestKeys = (key: string) => KeyValue;

const ABSENT: KeyValue = { kind: "absent" };
const UNKNOWN: KeyValue = { kind: "unknown" };
const one = (value: string): KeyValue => ({ kind: "values", values: [value] });

/** The claim that a key of this provider's, `HOST/PATH:CLAIM`, stands for. */
export const claimOf = (hostPath: string, key: string): string | undefined => {
  const own = `${hostPath.toLowerCase()}:`;
  return key.toLowerCase().startsWith(own) ? key.toLowerCase().slice(own.length) : undefined;
};

/** Whether a key is some OIDC provider's: AWS's own prefixes, such as `aws`, have no dot. */
export const isProviderKey = (key: string): boolean => /^(?:https:\/\/)?[^:/]*\.[^:]*:./i.test(key);

/** Claims that IAM has keys for and that no service account's token has. */
const NOT_IN_TOKENS: ReadonlySet<string> = new Set([
  "amr",
  "azp",
  "oaud",
  "email",
  "id",
  "user_id",
  "app_id",
]);

/** Of AssumeRoleWithWebIdentity, which takes no external id, and whose token has neither tags nor a source identity. */
export const keysOfToken =
  (hostPath: string, audience: string, sub: string): RequestKeys =>
  (key) => {
    const claim = claimOf(hostPath, key);
    if (claim !== undefined) {
      if (claim === "aud") return one(audience);
      if (claim === "sub") return one(sub);
      return NOT_IN_TOKENS.has(claim) ? ABSENT : UNKNOWN;
    }
    if (isProviderKey(key)) return ABSENT;
    if (key === "aws:securetransport") return one("true");
    const never = ["sts:externalid", "sts:sourceidentity", "sts:transitivetagkeys", "aws:tagkeys"].includes(
      key,
    );
    return never || key.startsWith("aws:requesttag/") ? ABSENT : UNKNOWN;
  };

/** Of the actions that AssumeRole asks for. Only sts:AssumeRole itself is sure to see the external id, and those with tags the tags. */
export const keysOfCaller =
  ({ arn, kind, account }: Caller, { externalId, tags, transitiveTagKeys }: Step, subject: Subject) =>
  (action: string): RequestKeys =>
  (key) => {
    const sent = tagsFor(subject, tags ?? {});
    const names = Object.keys(sent);
    if (key.startsWith("aws:requesttag/")) {
      if (action === "sts:SetSourceIdentity") return UNKNOWN;
      const value = Object.entries(sent).find(([tag]) => requestTag(tag).toLowerCase() === key)?.[1];
      if (value === undefined) return ABSENT;
      return /\{\w+\}/.test(value) ? UNKNOWN : one(value);
    }
    switch (key) {
      case "aws:tagkeys":
        return action === "sts:SetSourceIdentity" ? UNKNOWN : several(names);
      case "sts:transitivetagkeys":
        return action === "sts:SetSourceIdentity" ? UNKNOWN : several(transitiveTagKeys ?? []);
      case "sts:externalid":
        if (action === "sts:SetSourceIdentity") return UNKNOWN;
        return externalId === undefined || action !== "sts:AssumeRole" ? ABSENT : one(externalId);
      case "aws:principalarn":
        return kind === "account" ? UNKNOWN : one(arn);
      case "aws:principalaccount":
        return one(account);
      case "aws:principaltype":
        return kind === "account" ? UNKNOWN : one(kind === "role" ? "AssumedRole" : "User");
      case "aws:securetransport":
        return one("true");
      default:
        return UNKNOWN;
    }
  };

const several = (values: readonly string[]): KeyValue =>
  values.length === 0 ? ABSENT : { kind: "values", values, several: true };

/** Of a call that AWS itself makes, such as EC2's for an instance profile. */
export const keysOfService: RequestKeys = () => UNKNOWN;
