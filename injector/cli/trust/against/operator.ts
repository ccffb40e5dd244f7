import { nearest } from "../../../model/nearest.ts";

/** A condition's operator, taken apart: `ForAnyValue:StringEqualsIfExists`. */
export interface Operator {
  /** As the policy writes it. */
  readonly name: string;
  /** As IAM's user guide writes it: another text where `name` differs in capitals. */
  readonly inGuide: string;
  readonly base: Base;
  /** Of the request's values, where the key has several. */
  readonly set: "ForAnyValue" | "ForAllValues" | undefined;
  readonly ifExists: boolean;
  /** Whether it is met where no value fits. */
  readonly negated: boolean;
}

export type Compared = "text" | "arn" | "bool" | "null" | "other";
type Base = keyof typeof BASES;

/** Every operator of IAM's, by what it compares. `other` is numbers, dates, addresses and bytes, as which nothing is compared here. */
const BASES = {
  StringEquals: "text",
  StringNotEquals: "text",
  StringEqualsIgnoreCase: "text",
  StringNotEqualsIgnoreCase: "text",
  StringLike: "text",
  StringNotLike: "text",
  ArnEquals: "arn",
  ArnNotEquals: "arn",
  ArnLike: "arn",
  ArnNotLike: "arn",
  Bool: "bool",
  Null: "null",
  NumericEquals: "other",
  NumericNotEquals: "other",
  NumericLessThan: "other",
  NumericLessThanEquals: "other",
  NumericGreaterThan: "other",
  NumericGreaterThanEquals: "other",
  DateEquals: "other",
  DateNotEquals: "other",
  DateLessThan: "other",
  DateLessThanEquals: "other",
  DateGreaterThan: "other",
  DateGreaterThanEquals: "other",
  BinaryEquals: "other",
  IpAddress: "other",
  NotIpAddress: "other",
} as const satisfies Readonly<Record<string, Compared>>;

const FORM = /^(?:(?<set>ForAnyValue|ForAllValues):)?(?<base>[A-Z]+?)(?<ifExists>IfExists)?$/i;
const SETS = ["ForAnyValue", "ForAllValues"] as const;

/** Undefined: IAM has no operator of this name, in whatever capitals. */
export function parseOperator(name: string): Operator | undefined {
  const written = FORM.exec(name)?.groups ?? {};
  const base = asInGuide(written["base"], Object.keys(BASES) as readonly Base[]);
  const set = asInGuide(written["set"], SETS);
  const ifExists = written["ifExists"] !== undefined;
  if (base === undefined || (base === "Null" && ifExists)) return undefined;
  const inGuide = `${set === undefined ? "" : `${set}:`}${base}${ifExists ? "IfExists" : ""}`;
  return { name, inGuide, base, set, ifExists, negated: base.includes("Not") };
}

const asInGuide = <T extends string>(written: string | undefined, known: readonly T[]): T | undefined =>
  known.find((one) => one.toLowerCase() === written?.toLowerCase());

/** The operator that was probably meant by a name that IAM does not have. */
export const meant = (name: string): string | undefined =>
  nearest(name.replace(/^.*:|IfExists$/g, ""), Object.keys(BASES));

export const comparedBy = ({ base }: Operator): Compared => BASES[base];

/** Whether one value of the policy fits one of the request. `negated` is left to the caller. */
export function fits(operator: Operator, wanted: string, given: string): boolean {
  const { base } = operator;
  if (base.endsWith("IgnoreCase") || base === "Bool") return wanted.toLowerCase() === given.toLowerCase();
  switch (comparedBy(operator)) {
    case "text":
      return base.endsWith("Like") ? fitsGlob(wanted, given) : wanted === given;
    case "arn":
      return fitsArn(wanted, given);
    case "bool":
    case "null":
    case "other":
      return false;
  }
}

/** `*` is any run of characters, `?` any one. Without a regular expression: its time could grow without bound. */
export function fitsGlob(glob: string, text: string): boolean {
  let [at, from] = [0, 0];
  let [star, resume] = [-1, 0];
  while (at < text.length) {
    if (glob[from] === "*") {
      [star, resume] = [from, at];
      from += 1;
    } else if (from < glob.length && (glob[from] === "?" || glob[from] === text[at])) {
      from += 1;
      at += 1;
    } else if (star !== -1) {
      resume += 1;
      [from, at] = [star + 1, resume];
    } else return false;
  }
  return /^\**$/.test(glob.slice(from));
}

/** ArnEquals and ArnLike are the same: each of six parts is compared as a glob. */
function fitsArn(wanted: string, given: string): boolean {
  const [globs, parts] = [sixParts(wanted), sixParts(given)];
  return (
    globs.length === 6 &&
    parts.length === 6 &&
    globs.every((glob, index) => fitsGlob(glob, parts[index] ?? ""))
  );
}

/** The sixth part may have colons of its own. */
function sixParts(arn: string): readonly string[] {
  const parts = arn.split(":");
  return parts.length <= 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(":")];
}

/** Whether a text has an ARN's six parts. */
export const isArn = (text: string): boolean => text.startsWith("arn:") && sixParts(text).length === 6;
