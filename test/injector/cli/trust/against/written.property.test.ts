import * as fc from "fast-check";
import { expect, test } from "vitest";
import { documentsFor } from "../../../../../injector/cli/trust/documents.ts";
import { type Need, type Parties } from "../../../../../injector/cli/trust/calls.ts";
import type { Statement } from "../../../../../injector/cli/trust/document.ts";
import type { RoleArn } from "../../../../../injector/model/arn.ts";
import { coded } from "../../../../../sidecar/kit/errors.ts";
import { codesIn, judged, policyText, said } from "./judge-rig.ts";
import { HUB, ISSUER, need, nodes, provider } from "../documents-rig.ts";

/** Whatever trust-policy prints lets in the pods that it is for, and one change to it is named by its reason. */

const name = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const subjects = fc.uniqueArray(fc.tuple(name, name), {
  minLength: 1,
  maxLength: 4,
  selector: (pair) => pair.join("/"),
});
const externalId = fc.option(fc.stringMatching(/^[a-z][a-z0-9]{3,9}$/), { nil: undefined });
const tags = fc.option(
  name.map((value) => JSON.stringify({ team: value })),
  { nil: undefined },
);
const asked = fc.record({ subjects, externalId, tags });
const parties: Parties = { provider, caller: nodes };

const needBy = fc.oneof(
  subjects.map((of) => need({ subjects: of })),
  asked.map((of) => need(withoutNothing(of), { hubRole: HUB as RoleArn })),
  asked.map((of) => need({ ...withoutNothing(of), source: "node" })),
  asked.map((of) => need({ ...withoutNothing(of), source: "broker" }, { source: "broker" })),
);

const withoutNothing = <T extends object>(of: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as never;

/** The trust policies of these needs, by the role. */
const written = (needs: readonly Need[], of: Parties) =>
  documentsFor(needs, of).filter(({ document }) => document === "trust" || document === "hub-trust");

test("every policy that trust-policy prints lets its pods in", () => {
  fc.assert(
    fc.property(fc.array(needBy, { minLength: 1, maxLength: 4 }), (needs) => {
      for (const { document, policy } of written(needs, parties)) {
        const answers = judged(JSON.stringify(policy), { needs, parties, document });
        expect(answers.length).toBeGreaterThan(0);
        for (const one of answers) expect([one.answer, codesIn(one)]).toEqual(["lets-in", []]);
      }
    }),
    { numRuns: 300 },
  );
});

test("no policy lets in a service account that no need names, such as a namespace's with another's account", () => {
  fc.assert(
    fc.property(
      subjects,
      subjects,
      fc.constantFrom("web-identity" as const, "broker" as const),
      (some, others, source) => {
        const of = source === "broker" ? { caller: nodes } : { provider };
        const over = source === "broker" ? { source } : {};
        const [one, other] = [
          need({ subjects: some, source }, over),
          need({ subjects: others, source }, over),
        ];
        const [document] = written([one, other], of);
        const all = [...some, ...others];
        const strangers = all
          .flatMap(([namespace]) => all.map(([, account]) => [namespace, account] as const))
          .filter((pair) => !all.some((known) => known.join("/") === pair.join("/")));
        if (strangers.length === 0) return;
        const needs = [need({ subjects: strangers, source }, over)];
        const answers = judged(JSON.stringify(document?.policy), { needs, parties: of });
        expect(answers.map(({ answer }) => answer)).toEqual(answers.map(() => "refuses"));
      },
    ),
  );
});

test("no policy lets a service account in by a source that it is not needed by", () => {
  fc.assert(
    fc.property(subjects, subjects, (some, others) => {
      const byToken = (of: typeof some) => need({ subjects: of });
      const byBroker = (of: typeof some) => need({ subjects: of, source: "broker" }, { source: "broker" });
      const [document] = written([byToken(some), byBroker(others)], parties);
      const lacking = (of: typeof some, than: typeof some) =>
        of.filter((pair) => !than.some((known) => known.join("/") === pair.join("/")));
      for (const needs of [
        lacking(others, some).map((pair) => byToken([pair])),
        lacking(some, others).map((pair) => byBroker([pair])),
      ]) {
        if (needs.length === 0) continue;
        const answers = judged(JSON.stringify(document?.policy), { needs, parties });
        expect(answers.map(({ answer }) => answer)).toEqual(answers.map(() => "refuses"));
      }
    }),
  );
});

test("a policy names each Sid once", () => {
  fc.assert(
    fc.property(fc.array(needBy, { minLength: 1, maxLength: 4 }), (needs) => {
      for (const { policy } of documentsFor(needs, parties)) {
        const sids = policy.Statement.map(({ Sid }) => Sid);
        expect(new Set(sids).size).toBe(sids.length);
      }
    }),
  );
});

type Change = readonly [code: string, change: (statement: Statement) => object];

/** A statement, or one of its parts, with one text in place of another. */
const replaced = (part: unknown, from: string, to: string): Record<string, unknown> =>
  JSON.parse(JSON.stringify(part).replaceAll(from, to)) as Record<string, unknown>;

const inPrincipal =
  (from: string, to: string) =>
  (one: Statement): object => ({ ...one, Principal: replaced(one.Principal, from, to) });
const inCondition =
  (from: string, to: string) =>
  (one: Statement): object => ({ ...one, Condition: replaced(one.Condition, from, to) });
const operator = (name_: string) => inCondition('"StringEquals"', JSON.stringify(name_));

const CHANGES: readonly Change[] = [
  ["ISSUER", inPrincipal(ISSUER, "oidc.example")],
  ["ISSUER", inCondition(ISSUER, "oidc.example")],
  ["ACCOUNT", inPrincipal("111122223333", "999988887777")],
  ["PARTITION", inPrincipal("arn:aws:", "arn:aws-cn:")],
  ["AUDIENCE", inCondition('"sts.amazonaws.com"', '"amazonaws.com"')],
  ["SUBJECT", inCondition("system:serviceaccount:", "system:serviceaccounts:")],
  ["WILDCARD", inCondition("system:serviceaccount:", "system:serviceaccoun?:")],
  ["OPERATOR", operator("StringNotEquals")],
  ["OPERATOR", operator("NumericEquals")],
  ["OPERATOR", operator("ArnEquals")],
  ["ACTION", (one) => ({ ...one, Action: "sts:AssumeRole" })],
  ["ACTION", (one) => ({ ...one, Action: "sts:AssumeRoleWithSAML" })],
  ["DENY", (one) => ({ ...one, Effect: "Deny" })],
];

test("one change to a printed policy is named by its reason", () => {
  fc.assert(
    fc.property(subjects, fc.constantFrom(...CHANGES), (of, [code, change]) => {
      const needs = [need({ subjects: of })];
      const [document] = written(needs, { provider });
      const changed = (document?.policy.Statement ?? []).map((one) => change(one));
      for (const one of judged(policyText(...changed), { needs })) {
        expect([one.answer, new Set(codesIn(one))]).toEqual(["refuses", new Set([code])]);
      }
      // A second statement for somebody else neither hides the reason nor lets the pod in.
      const other = {
        ...document?.policy.Statement[0],
        Sid: "Other",
        Principal: { AWS: nodes.arn },
        Action: "sts:AssumeRole",
      };
      expect(said(policyText(other, ...changed), { needs })).toContain(code);
    }),
    { numRuns: 300 },
  );
});

/** An operator's name with some letters in other capitals, or with one letter changed. */
const misspelt = fc
  .record({
    set: fc.constantFrom("", "ForAnyValue:", "ForAllValues:"),
    base: fc.constantFrom("StringEquals", "StringEqualsIgnoreCase", "StringLike"),
    suffix: fc.constantFrom("", "IfExists"),
    turned: fc.func(fc.boolean()),
    change: fc.option(fc.tuple(fc.nat(40), fc.constantFrom("", "x", "S", "s", ":")), { nil: undefined }),
  })
  .map(({ set, base, suffix, turned, change }) => {
    const letters = Array.from(set + base + suffix, (one, index) =>
      turned(index) ? (one === one.toLowerCase() ? one.toUpperCase() : one.toLowerCase()) : one,
    );
    return change === undefined
      ? letters.join("")
      : letters.with(change[0] % letters.length, change[1]).join("");
  });

/** The answer, or the code with which the policy is refused. */
function answerOrCode(text: string): string | undefined {
  try {
    return said(text, { needs: [need()] })[0];
  } catch (error) {
    return coded(error).code;
  }
}

test("no policy lets a pod in past a Deny of it, however the Deny's operator is written", () => {
  const [document] = written([need()], { provider });
  const [allow] = document?.policy.Statement ?? [];
  const sub = "system:serviceaccount:shop:billing";
  fc.assert(
    fc.property(misspelt, (operator_) => {
      const condition = { [operator_]: { [`${ISSUER}:sub`]: sub } };
      const text = policyText(allow, { ...allow, Sid: "Deny", Effect: "Deny", Condition: condition });
      expect(["refuses", "cannot-tell", "POLICY_INVALID"]).toContain(answerOrCode(text));
    }),
    { numRuns: 200 },
  );
});
