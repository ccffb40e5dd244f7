import type { PolicyDocument, Warning } from "./document.ts";

/** IAM's quotas for a trust policy, unless it is raised, and for all inline policies of a user or role. White space does not count. */
const TRUST_MAX = 2048;
const INLINE_MAX = { user: 2048, role: 10_240 } as const;

/** A warning where IAM does not take a policy of this length. */
export function aboutLength({
  document,
  of,
  policy,
}: Pick<PolicyDocument, "document" | "of"> & { readonly policy: unknown }): readonly Warning[] {
  const { length } = JSON.stringify(policy);
  if (document.endsWith("trust")) {
    if (length <= TRUST_MAX) return [];
    const message = `The policy has ${length} characters, and IAM takes ${TRUST_MAX} unless the account's quota is raised (to 4096 at most): give some of these service accounts a role of their own.`;
    return [{ code: "POLICY_LONG", message }];
  }
  const kind = of.includes(":user/") ? "user" : "role";
  if (length <= INLINE_MAX[kind]) return [];
  const message = `The policy has ${length} characters, and the inline policies of a ${kind} have ${INLINE_MAX[kind]} in all: make managed policies of it, of 6144 characters at most each.`;
  return [{ code: "POLICY_LONG", message }];
}
