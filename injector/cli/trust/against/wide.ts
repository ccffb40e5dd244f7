import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import type { Warning } from "../document.ts";
import type { AskedCall } from "./asked.ts";
import { ACCOUNT_TAG, NAMESPACE_TAG, requestTag } from "../request-tags.ts";
import { comparedBy } from "./operator.ts";
import type { TrustCondition, TrustStatement } from "./policy.ts";
import { trustsAccountOf } from "./principal-match.ts";
import { claimOf } from "./request-keys.ts";

/** Whom else a statement lets in that lets this call in. */
export function aboutWidth(statement: TrustStatement, { who, subject }: AskedCall): readonly Warning[] {
  const { principals, conditions } = statement;
  if (who.kind === "token") {
    const named = conditions.filter((one) => claimOf(who.hostPath, one.key) === "sub" && namesValues(one));
    if (named.length === 0) {
      return [
        WIDE(
          "No condition names the subject: every pod of the cluster that no other condition keeps out can have the role.",
        ),
      ];
    }
    return named.every(hasWildcard)
      ? [WIDE("The subject has a wildcard: whoever can create a service account that fits it gets the role.")]
      : [];
  }
  if (who.kind === "service") return [];
  const anybody = [...(principals?.["*"] ?? []), ...(principals?.["AWS"] ?? [])].includes("*");
  const { caller } = who;
  const own = anybody
    ? [WIDE("The principal is *: everybody whom the conditions do not stop gets the role.")]
    : trustsAccountOf(statement, caller) && caller.kind !== "account"
      ? [
          NEEDS_PERMISSION(
            `It trusts the whole account, so the policies of ${caller.arn} have to allow the call too.`,
          ),
        ]
      : [];
  return subject.namespace === "" || conditions.some(tellsPodsApart)
    ? own
    : [
        ...own,
        NOT_TOLD_APART(
          `Nothing in the statement tells pods apart: every pod for which ${caller.arn} calls can have the role.`,
        ),
      ];
}

/** Whether it wants one of some texts. What is negated lets every other in, and `Null` every one. */
const namesValues = ({ operator }: TrustCondition): boolean =>
  comparedBy(operator) === "text" && !operator.negated;

const hasWildcard = ({ operator, values }: TrustCondition): boolean =>
  operator.base.endsWith("Like") && values.some((one) => /[*?]/.test(one));

/** A call without tags would meet an `…IfExists` or a `ForAllValues` of them, too. */
const tellsPodsApart = (condition: TrustCondition): boolean =>
  OF_POD.has(condition.key.toLowerCase()) &&
  namesValues(condition) &&
  !condition.operator.ifExists &&
  condition.operator.set !== "ForAllValues" &&
  !(condition.operator.base.endsWith("Like") && condition.values.some((one) => /^[*?]*$/.test(one)));

const OF_POD: ReadonlySet<string> = new Set(
  [NAMESPACE_TAG, ACCOUNT_TAG].map((tag) => requestTag(tag).toLowerCase()),
);

const WIDE = (message: string): Warning => ({ code: "TRUST_WIDE", message });
const NEEDS_PERMISSION = (message: string): Warning => ({ code: "PRINCIPAL_ACCOUNT", message });
const NOT_TOLD_APART = (message: string): Warning => ({ code: "PODS_NOT_TOLD_APART", message });

/** A session that the role does not allow is asked for again, for an hour. */
export function aboutDuration(
  { durationSeconds = 0 }: AskedCall,
  maxSessionSeconds: number | undefined,
): readonly Warning[] {
  if (maxSessionSeconds === undefined || durationSeconds <= maxSessionSeconds) return [];
  const message = `The pods ask for ${durationSeconds} seconds, and the role allows ${maxSessionSeconds}: the session will last one hour. Raise the role's MaxSessionDuration, or set ${ANNOTATION.sessionDuration} to 1h.`;
  return [{ code: "SESSION_TOO_LONG", message }];
}
