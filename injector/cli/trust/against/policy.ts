import { CodedError, messageOf } from "../../../../sidecar/kit/errors.ts";
import { isRecord, own, type Fields } from "../../../model/read.ts";
import { meant, parseOperator, type Operator } from "./operator.ts";

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
  readonly operator: Operator;
  readonly key: string;
  readonly values: readonly string[];
}

const VERSIONS: ReadonlySet<unknown> = new Set(["2012-10-17", "2008-10-17", undefined]);
/** By IAM's user guide, "Grammar of the IAM JSON policy language"; of each pair a statement has one. A trust policy has no Resource. */
const ELEMENTS: ReadonlySet<string> = new Set(["Version", "Id", "Statement"]);
const PAIRS = [
  ["Principal", "NotPrincipal"],
  ["Action", "NotAction"],
] as const;
const PRINCIPALS: ReadonlySet<string> = new Set(["AWS", "Federated", "Service", "CanonicalUser"]);
const OF_STATEMENT: ReadonlySet<string> = new Set(["Sid", "Effect", "Condition", ...PAIRS.flat()]);

/**
 * @param value a parsed policy document
 * @throws CodedError `POLICY_INVALID` for what IAM takes for no trust policy
 */
export function parsePolicy(value: unknown): TrustPolicy {
  if (!isRecord(value) || !Object.hasOwn(value, "Statement")) throw invalid("it has no Statement");
  refuseOthers(value, ELEMENTS, "it");
  const version = own(value, "Version");
  if (!VERSIONS.has(version)) throw invalid("its Version is neither 2012-10-17 nor 2008-10-17");
  const statements = [own(value, "Statement")].flat();
  if (statements.length === 0) throw invalid("it has no Statement");
  const parsed = statements.map(parseStatement);
  const sids = parsed.flatMap(({ sid }) => (sid === undefined ? [] : [sid]));
  const twice = sids.find((sid, index) => sids.indexOf(sid) !== index);
  if (twice !== undefined) throw invalid(`two statements have the Sid ${twice}`);
  return { statements: parsed, hasVariables: version === "2012-10-17" };
}

function refuseOthers(value: Fields, known: ReadonlySet<string>, at: string): void {
  const other = Object.keys(value).find((one) => !known.has(one));
  if (other !== undefined) throw invalid(`${at} has ${other}, which a trust policy cannot have there`);
}

function parseStatement(value: unknown, index: number): TrustStatement {
  const at = `Statement[${index}]`;
  if (!isRecord(value)) throw invalid(`${at} is no object`);
  refuseOthers(value, OF_STATEMENT, at);
  const both = PAIRS.find((pair) => pair.every((one) => Object.hasOwn(value, one)));
  if (both !== undefined) throw invalid(`${at} has both ${both.join(" and ")}`);
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
  refuseOthers(value, PRINCIPALS, `${at}.Principal`);
  return Object.fromEntries(
    Object.entries(value).map(([kind, of]) => [kind, textsIn(of, `${at}.Principal.${kind}`)]),
  );
}

function conditionsIn(value: unknown, at: string): readonly TrustCondition[] {
  if (value === undefined) return [];
  if (!isRecord(value)) throw invalid(`${at} is no object`);
  return Object.entries(value).flatMap(([name, pairs]) => {
    const operator = parseOperator(name);
    if (operator === undefined) throw unknownOperator(name, at);
    if (!isRecord(pairs)) throw invalid(`${at}.${name} is no object`);
    return Object.entries(pairs).map(([key, of]) => ({
      operator,
      key,
      values: textsIn(of, `${at}.${name}.${key}`),
    }));
  });
}

function unknownOperator(name: string, at: string): CodedError {
  const instead = meant(name);
  const hint = instead === undefined ? "" : ` (${instead} may be meant)`;
  return invalid(`${at} has the operator ${name}, which IAM does not have${hint}`);
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
