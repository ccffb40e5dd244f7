import { comparedBy, fits, fitsGlob, isArn } from "./operator.ts";
import type { TrustCondition } from "./policy.ts";
import { shown, type Reason } from "./reason.ts";
import type { KeyValues } from "./request-keys.ts";

/**
 * Why values that the call brings do not meet a condition. Values of one key are alternatives; for a negated operator none may fit.
 * @param place what the key is about, and where the condition stands
 */
export function presentReason(
  { operator, key, values }: TrustCondition,
  value: KeyValues,
  { code, at }: Pick<Reason, "code" | "at">,
): Reason | undefined {
  const { name } = operator;
  const given = value.values;
  const kind = comparedBy(operator);
  if (kind === "other" || (kind === "arn" && !given.every(isArn))) {
    // A tag or an external id may be a number or an address; a subject and an ARN are neither.
    const certain = !operator.negated && (kind === "arn" || code === "SUBJECT" || code === "PRINCIPAL");
    return {
      code: "OPERATOR",
      at,
      text: `${name} does not compare texts, and ${key} is the text ${shown(given)}. Use StringEquals.`,
      certain,
    };
  }
  if (value.several === true && operator.set === undefined) {
    return {
      code,
      at,
      text: `${key} has several values, and ${name} has no ForAnyValue or ForAllValues.`,
      certain: false,
    };
  }
  const strange = kind === "arn" && values.find((one) => !isArn(one));
  if (
    typeof strange === "string" &&
    !values.some((one) => given.every((each) => fits(operator, one, each)))
  ) {
    return {
      code,
      at,
      text: `${shown([strange])} has not the six parts of an ARN; what ${name} makes of it is not documented.`,
      certain: false,
    };
  }
  const fitting = (one: string): boolean =>
    values.some((wanted) => fits(operator, wanted, one)) !== operator.negated;
  const met = operator.set === "ForAnyValue" ? given.some(fitting) : given.every(fitting);
  if (met) return undefined;
  if (operator.negated) {
    return {
      code: "OPERATOR",
      at,
      text: `${key} is ${shown(given)}, which ${name} keeps out.`,
      certain: true,
    };
  }
  const is = `${key} is ${shown(given)}, and ${name} wants ${shown(values)}.`;
  if (kind === "text" && !operator.base.endsWith("Like") && values.some((one) => isWildFor(one, given))) {
    return {
      code: "WILDCARD",
      at,
      text: `${is} Only StringLike takes * and ? for other characters.`,
      certain: true,
    };
  }
  const sameLetters = values.some((wanted) =>
    given.some((one) => one.toLowerCase() === wanted.toLowerCase()),
  );
  return { code, at, text: sameLetters ? `${is} Capital letters count.` : is, certain: true };
}

const isWildFor = (wanted: string, given: readonly string[]): boolean =>
  /[*?]/.test(wanted) && given.some((one) => fitsGlob(wanted, one));
