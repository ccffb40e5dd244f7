/** Why a statement does not apply to a call. The code is the contract. */
export interface Reason {
  readonly code: ReasonCode;
  /** Path of the line within the statement, such as `Principal.Federated`. */
  readonly at: string;
  readonly text: string;
  /** False: the statement may apply all the same, which cannot be known here. */
  readonly certain: boolean;
}

export const REASONS = [
  "ISSUER",
  "AUDIENCE",
  "SUBJECT",
  "PRINCIPAL",
  "ACCOUNT",
  "PARTITION",
  "ACTION",
  "EXTERNAL_ID",
  "TAGS",
  "OPERATOR",
  "WILDCARD",
  "CONDITION",
  "DENY",
] as const;
export type ReasonCode = (typeof REASONS)[number];

/** Values as they stand in a policy: in quotes, and at most four of them. */
export function shown(values: readonly string[]): string {
  const some = values.slice(0, 4).map((value) => JSON.stringify(value.slice(0, 300)));
  const more = values.length > some.length ? [`${values.length - some.length} more`] : [];
  return [...some, ...more].join(", ") || "nothing";
}
