/** A policy as IAM takes it. It is only written, never parsed. */
export interface Policy {
  readonly Version: "2012-10-17";
  readonly Statement: readonly Statement[];
}

export interface Statement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Principal?:
    | { readonly Federated: string }
    | { readonly AWS: string }
    | { readonly Service: string };
  readonly Action: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly Condition?: Condition;
}

export type Condition = Readonly<
  Partial<Record<"StringEquals" | "StringLike", Readonly<Record<string, string | readonly string[]>>>>
>;

/** A statement, and an explanation of its lines. */
export interface Explained {
  readonly statement: Statement;
  /** By the path of a line within the statement, such as `Principal.AWS`. */
  readonly lines: Readonly<Record<string, string>>;
}

/** One line of a policy, in words. */
export interface Explanation {
  /** Such as `Statement[0].Condition.StringEquals.sts:ExternalId`. */
  readonly at: string;
  readonly text: string;
}

/** What may be broader than intended. The code is the contract. */
export interface Warning {
  readonly code: WarningCode;
  readonly message: string;
}

export const WARNINGS = [
  "SUBJECT_WILDCARD",
  "SUBJECT_DEFAULT",
  "ISSUER_PRIVATE",
  "ISSUER_SLASH",
  "PROVIDER_ELSEWHERE",
  "PRINCIPAL_ACCOUNT",
  "PRINCIPAL_SHARED",
  "PODS_NOT_TOLD_APART",
  "HUB_UNUSED",
  "POLICY_LONG",
  "TRUST_WIDE",
  "SESSION_TOO_LONG",
] as const;
export type WarningCode = (typeof WARNINGS)[number];

/** Which policy of those that a role needs. */
export const DOCUMENTS = [
  "trust",
  "hub-trust",
  "hub-permissions",
  "caller-permissions",
  "broker-trust",
  "broker-permissions",
] as const;
export type DocumentName = (typeof DOCUMENTS)[number];

export interface PolicyDocument {
  readonly document: DocumentName;
  /** The role or user that the policy is attached to. */
  readonly of: string;
  readonly policy: Policy;
  readonly explanation: readonly Explanation[];
  readonly warnings: readonly Warning[];
  /** The AWS CLI command that sets it, with the policy in `<document>.json`; undefined for a whole account. */
  readonly command?: string;
}

/** A policy without whose it is. */
export type Written = Pick<PolicyDocument, "policy" | "explanation" | "warnings">;

/** Several policies as one: a statement that stands twice once, and no Sid twice, which IAM refuses. */
export function joined(parts: readonly Written[]): Written {
  const statements = new Map<string, Explained>();
  for (const { policy, explanation } of parts) {
    policy.Statement.forEach((statement, index) => {
      const { Sid, ...rest } = statement;
      const key = JSON.stringify(rest);
      if (statements.has(key)) return;
      const sids = new Set([...statements.values()].map((one) => one.statement.Sid));
      let free = Sid;
      for (let number = 2; sids.has(free); number += 1) free = `${Sid}${number}`;
      const start = `Statement[${index}].`;
      const lines = explanation
        .filter(({ at }) => at.startsWith(start))
        .map(({ at, text }) => [at.slice(start.length), text]);
      statements.set(key, { statement: { ...statement, Sid: free }, lines: Object.fromEntries(lines) });
    });
  }
  const warnings = new Map(parts.flatMap((one) => one.warnings).map((one) => [one.message, one]));
  return { ...policyOf([...statements.values()]), warnings: [...warnings.values()] };
}

export const policyOf = (parts: readonly Explained[]): Pick<PolicyDocument, "policy" | "explanation"> => ({
  policy: { Version: "2012-10-17", Statement: parts.map(({ statement }) => statement) },
  explanation: parts.flatMap(({ lines }, index) =>
    Object.entries(lines).map(([at, text]) => ({ at: `Statement[${index}].${at}`, text })),
  ),
});
