/** Why a statement does not apply to a call. The code is the contract. */
export interface Reason {
  readonly code: ReasonCode;
  /** Path of the line within the statement, such as `Principal.Federated`. */
  readonly at: string;
  readonly text: string;
  /** False: the statement may apply all the same, which cannot be known here. */
  readonly certain: boolean;
}

/** Each with the end of "the statement does not let the pod in, because", for the page that lists them. */
export const REASONS = {
  ISSUER: "it trusts another issuer: in the provider's ARN, or in the name of a condition's key.",
  AUDIENCE: "it wants another audience than the token has.",
  SUBJECT: "it wants another service account.",
  PRINCIPAL: "it trusts somebody else, or another kind of principal.",
  ACCOUNT: "it trusts a provider or caller of another account.",
  PARTITION: "it trusts a provider or caller of another partition, such as `aws-cn`.",
  ACTION: "it does not allow the action, such as `sts:TagSession` for a session with tags.",
  EXTERNAL_ID: "it wants another external id, or one where the call has none.",
  TAGS: "it wants other session tags.",
  OPERATOR:
    "its operator does not compare such values, or is negated and keeps this pod out, or is right but for its capitals.",
  WILDCARD: "an operator without wildcards has a value with `*` or `?`; `StringLike` would fit.",
  CONDITION: "another condition is not met, or cannot be evaluated here.",
  DENY: "another statement is a Deny that applies.",
} as const;
export type ReasonCode = keyof typeof REASONS;

/** Values as they stand in a policy: in quotes, and at most four of them. */
export function shown(values: readonly string[]): string {
  const some = values.slice(0, 4).map((value) => JSON.stringify(value.slice(0, 300)));
  const more = values.length > some.length ? [`${values.length - some.length} more`] : [];
  return [...some, ...more].join(", ") || "nothing";
}
