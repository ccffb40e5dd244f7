import type { Presented } from "./asked.ts";
import { comparedBy } from "./operator.ts";
import { presentReason } from "./present-reason.ts";
import type { TrustCondition } from "./policy.ts";
import { shown, type Reason, type ReasonCode } from "./reason.ts";
import { claimOf, isProviderKey, type KeyValue, type RequestKeys } from "./request-keys.ts";

/** What a condition is compared with. */
export interface Compared {
  readonly who: Presented;
  readonly keys: RequestKeys;
  readonly hasVariables: boolean;
}

/**
 * Why a condition is not met; undefined: it is. By IAM's user guide, "Condition operators" and "Set operators for multivalued context
 * keys". Not evaluated, and so uncertain: variables (`${…}`), keys of which only AWS knows the value, a key of several values without a
 * set operator, ForAnyValue…IfExists of a key that the call lacks, Null with another value than true or false, operators of numbers and
 * the like for texts that might be such, and an operator that is right but for its capitals.
 */
export function whyNotMet(condition: TrustCondition, against: Compared): Reason | undefined {
  const { operator, key, values } = condition;
  const { name, inGuide } = operator;
  const at = `Condition.${name}.${key}`;
  if (name !== inGuide) {
    const text = `The operator is written ${inGuide}; whether IAM takes ${name} for it cannot be known here.`;
    return { code: "OPERATOR", at, text, certain: false };
  }
  const value = against.keys(key.toLowerCase());
  const code = codeOf(key, against.who);
  if (value.kind === "unknown") {
    return { code, at, text: `What the call brings for ${key} cannot be known here.`, certain: false };
  }
  if (comparedBy(operator) === "null") return nullReason(condition, value, { code, at });
  if (against.hasVariables && values.some((one) => one.includes("${"))) {
    return { code, at, text: `Variables such as ${shown(values)} are not evaluated here.`, certain: false };
  }
  if (value.kind === "absent") return absentReason(condition, against.who, { code, at });
  return presentReason(condition, value, { code, at });
}

type Place = Pick<Reason, "code" | "at">;

/** Null asks only whether the key is there. */
function nullReason(
  { key, values }: TrustCondition,
  value: KeyValue,
  { code, at }: Place,
): Reason | undefined {
  const wanted = values.map((one) => one.toLowerCase());
  if (!wanted.every((one) => one === "true" || one === "false")) {
    return {
      code: "OPERATOR",
      at,
      text: `Null compares with true or false; what IAM makes of ${shown(values)} is not documented. Use StringEquals.`,
      certain: false,
    };
  }
  const isAbsent = value.kind === "absent";
  if (wanted.some((one) => one === String(isAbsent))) return undefined;
  const text = isAbsent
    ? `The call has no ${key}, and Null: false wants one.`
    : `Null: true wants a call without ${key}, and this one has ${shown(value.kind === "values" ? value.values : [])}.`;
  return { code: isAbsent ? code : "OPERATOR", at, text, certain: true };
}

function absentReason(
  { operator: { set, ifExists, negated }, key, values }: TrustCondition,
  who: Presented,
  { code, at }: Place,
): Reason | undefined {
  if (set === "ForAllValues" || (set === undefined && (ifExists || negated))) return undefined;
  if (ifExists) {
    return {
      code,
      at,
      text: `The call has no ${key}; what ForAnyValue with IfExists then means is not documented.`,
      certain: false,
    };
  }
  return { code, at, text: `${missing(key, who)} The statement wants ${shown(values)}.`, certain: true };
}

function missing(key: string, who: Presented): string {
  if (who.kind === "token" && isProviderKey(key)) {
    return key.toLowerCase().startsWith("https://")
      ? `The key is written without https://: ${key.slice("https://".length)}.`
      : `The token's issuer is https://${who.hostPath}, so the call has no ${key}.`;
  }
  if (key.toLowerCase() === "sts:externalid") {
    return who.kind === "token"
      ? "A call with a token has no external id: a pod with an external id needs a hub role."
      : "The call has no external id here.";
  }
  return `The call has no ${key}.`;
}

/** What a key is about. */
function codeOf(key: string, who: Presented): ReasonCode {
  const name = key.toLowerCase();
  const claim = who.kind === "token" ? claimOf(who.hostPath, name) : undefined;
  if (claim === "aud") return "AUDIENCE";
  if (claim === "sub") return "SUBJECT";
  if (who.kind === "token" && claim === undefined && isProviderKey(name)) return "ISSUER";
  if (name === "sts:externalid") return "EXTERNAL_ID";
  if (/^aws:requesttag\/|tagkeys$/.test(name)) return "TAGS";
  if (name === "aws:principalaccount") return "ACCOUNT";
  return name.startsWith("aws:principal") ? "PRINCIPAL" : "CONDITION";
}
