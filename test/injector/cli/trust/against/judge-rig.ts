import { answersOf } from "../../../../../injector/cli/trust/against/answer.ts";
import type { CallAnswer } from "../../../../../injector/cli/trust/against/judge.ts";
import { givenPolicy } from "../../../../../injector/cli/trust/against/role-output.ts";
import type { DocumentName } from "../../../../../injector/cli/trust/document.ts";
import type { Need, Parties } from "../../../../../injector/cli/trust/calls.ts";
import { ACCOUNT, ISSUER, need, provider } from "../documents-rig.ts";

export const PROVIDER = `${ACCOUNT}oidc-provider/${ISSUER}`;
export const SUB = "system:serviceaccount:shop:billing";

/** A statement that lets pods of `shop/billing` in, with some of it changed. */
export const statement = (over: Readonly<Record<string, unknown>> = {}) => ({
  Effect: "Allow",
  Principal: { Federated: PROVIDER },
  Action: "sts:AssumeRoleWithWebIdentity",
  Condition: when({}),
  ...over,
});

/** The condition of such a statement, with these operators in place of its `StringEquals` of the subject. */
export const when = (operators: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.keys(operators).length === 0
    ? { StringEquals: { [`${ISSUER}:aud`]: "sts.amazonaws.com", [`${ISSUER}:sub`]: SUB } }
    : { StringEquals: { [`${ISSUER}:aud`]: "sts.amazonaws.com" }, ...operators };

export const policyText = (...statements: readonly unknown[]): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: statements });

interface Judged {
  readonly needs?: readonly Need[];
  readonly parties?: Parties;
  readonly document?: DocumentName;
}

export const judged = (
  text: string,
  { needs = [need()], parties = { provider }, document }: Judged = {},
): readonly CallAnswer[] => answersOf(givenPolicy(text), needs, parties, document);

/** The answer to the only call, and the codes of all reasons. */
export function said(text: string, over: Judged = {}): readonly string[] {
  const [first] = judged(text, over);
  return first === undefined ? [] : [first.answer, ...codesIn(first)];
}

export const codesIn = ({ actions }: CallAnswer): readonly string[] =>
  actions.flatMap(({ why }) => why.flatMap(({ reasons }) => reasons.map(({ code }) => code)));
