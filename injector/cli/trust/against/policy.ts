import { CodedError, messageOf } from "../../../../sidecar/kit/errors.ts";
import { isRecord, own, type Fields } from "../../../model/read.ts";

/** A trust policy that somebody wrote, as far as it can be evaluated. */
export interface TrustPolicy {
  readonly statements: readonly TrustStatement[];
  /** Whether `${…}` in a value is a variable: only from version 2012-10-17 on. */
  readonly hasVariables: boolean;
}

export interface TrustStatement {
  readonly index: number;
  readonly sid: string | undefined;
  readonly effect: "Allow" | "Deny";
  /** ARNs and the like by their kind, such as `Federated`; `*` alone is `{ "*": ["*"] }`. Undefined for a NotPrincipal. */
  readonly principals: Readonly<Record<string, readonly string[]>> | undefined;
  readonly actions: readonly string[];
  /** Whether the actions are those of a NotAction. */
  readonly otherActions: boolean;
  readonly conditions: readonly TrustCondition[];
}

/** One key of one operator: all have to be met. */
export interface TrustCondition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

const VERSIONS: ReadonlySet<unknown> = new Set(["2012-10-17", "2008-10-17", undefined]);

/**
 * @param value a parsed policy document
 * @throws CodedError `POLICY_INVALID` for what IAM takes for no trust policy
 */
export function parsePolicy(value: unknown): TrustPolicy {
  if (!isRecord(value) || !Object.hasOwn(value, "Statement")) throw invalid("it has no Statement");
  const version = own(value, "Version");
  if (!VERSIONS.has(version)) throw invalid("its Version is neither 2012-10-17 nor 2008-10-17");
  const statements = [own(value, "Statement")].flat();
  if (statements.length === 0) throw invalid("it has no Statement");
  return { statements: statements.map(parseStatement), hasVariables: version === "2012-10-17" };
}

function parseStatement(value: unknown, index: number): TrustStatement {
  const at = `Statement[${index}]`;
  if (!isRecord(value)) throw invalid(`${at} is no object`);
  const effect = own(value, "Effect");
  if (effect !== "Allow" && effect !== "Deny") throw invalid(`${at}.Effect is neither Allow nor Deny`);
  const sid = own(value, "Sid");
  const otherActions = Object.hasOwn(value, "NotAction");
  const actions = own(value, otherActions ? "NotAction" : "Action");
  if (actions === undefined) throw invalid(`${at} has no Action`);
  return {
    index,
    sid: typeof sid === "string" && sid !== "" ? sid : undefined,
    effect,
    principals: principalsIn(value, at),
    actions: textsIn(actions, `${at}.${otherActions ? "NotAction" : "Action"}`),
    otherActions,
    conditions: conditionsIn(own(value, "Condition"), `${at}.Condition`),
  };
}

function principalsIn(statement: Fields, at: string): TrustStatement["principals"] {
  if (Object.hasOwn(statement, "NotPrincipal")) return undefined;
  const value = own(statement, "Principal");
  if (value === "*") return { "*": ["*"] };
  if (!isRecord(value) || Object.keys(value).length === 0) throw invalid(`${at} has no Principal`);
  return Object.fromEntries(
    Object.entries(value).map(([kind, of]) => [kind, textsIn(of, `${at}.Principal.${kind}`)]),
  );
}

function conditionsIn(value: unknown, at: string): readonly TrustCondition[] {
  if (value === undefined) return [];
  if (!isRecord(value)) throw invalid(`${at} is no object`);
  return Object.entries(value).flatMap(([operator, pairs]) => {
    if (!isRecord(pairs)) throw invalid(`${at}.${operator} is no object`);
    return Object.entries(pairs).map(([key, of]) => ({
      operator,
      key,
      values: textsIn(of, `${at}.${operator}.${key}`),
    }));
  });
}

/** One text, or a list of them. IAM also takes `true` and `1` for a condition's value. */
const textsIn = (value: unknown, at: string): readonly string[] =>
  [value].flat().map((one: unknown) => {
    if (typeof one === "string") return one;
    if (typeof one === "boolean" || typeof one === "number") return String(one);
    throw invalid(`${at} is neither a text nor a list of texts`);
  });

/** @param why a clause */
export const invalid = (why: string, cause?: unknown): CodedError =>
  new CodedError("POLICY_INVALID", `This is no trust policy that IAM takes: ${why}.`, {
    remedy: "Give what aws iam get-role --role-name NAME prints.",
    ...(cause === undefined ? {} : { cause: messageOf(cause) }),
  });
