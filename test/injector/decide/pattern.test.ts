import * as fc from "fast-check";
import { RE2JS } from "re2js";
import { expect, test, vi } from "vitest";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import {
  anyMatches,
  compilePattern,
  patternCache,
  PROGRAM_MAX,
  STEPS_MAX,
} from "../../../injector/decide/pattern.ts";
import { decideRole, type RoleDecision } from "../../../injector/decide/policy.ts";
import { config } from "../../support/config.ts";
import { ACCOUNT, base, BILLING, facts, role } from "../../support/facts.ts";

/** A tenant's expression cannot block the event loop. The tests count steps of the engine, since times vary. */

const permitted = (expression: string, arn = BILLING): RoleDecision =>
  decideRole(
    arn,
    facts({ annotations: { [ANNOTATION.namespacePermitted]: expression } }),
    "default",
    "enforce",
    config(),
  );
const list = (entries: readonly string[], arn = BILLING): RoleDecision =>
  decideRole(
    arn,
    facts({ annotations: { [ANNOTATION.namespaceAllowedRoles]: JSON.stringify(entries) } }),
    "default",
    "enforce",
    config({ allowedRolesFormat: "regexp", baseRoleArn: base(ACCOUNT) }),
  );
const codesOf = ({ findings }: RoleDecision): readonly string[] => findings.map(({ code }) => code);
const TOO_MUCH = ["POLICY_RULE_INVALID", "ROLE_NOT_ALLOWED"];

/** How often RE2's engine reads an instruction, including compilation. */
function counted<T>(run: () => T): { readonly steps: number; readonly result: T } {
  const looks = vi.spyOn(Object.getPrototypeOf(RE2JS.compile("a|bc").re2().prog), "getInst");
  const result = run();
  const steps = looks.mock.calls.length;
  looks.mockRestore();
  return { steps, result };
}

const filled = (unit: string): string => unit.repeat(Math.floor((PROGRAM_MAX - 10) / unit.length));
const letters = Array.from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
const SHORTEST = role(`${ACCOUNT}aaa`);
const LONGEST = role(`${ACCOUNT}${`${"a".repeat(64)}/`.repeat(8)}${"a".repeat(64)}`);

test.for([
  ["(a+)+$", "(a+)+$"],
  ["(.*a)*!", "(.*a)*!"],
  [".? after .?", `${filled(".?")}!`],
  ["(.*) after (.*)", `${filled("(.*)")}!`],
  [".*a after .*a", `${filled(".*a")}!`],
  ["alternatives that begin alike", `${filled("(a|aa)*")}!`],
  ["^a?b?c?", `^${letters.map((letter) => `${letter}?`).join("")}!`],
  ["classes without case", `(?i)${filled("[^k]?")}!`],
  [".{0,180}", ".{0,180}!"],
] as const)("%s takes a bounded number of steps", ([, expression]) => {
  for (const arn of [SHORTEST, role(`${ACCOUNT}${"a".repeat(64)}`), LONGEST]) {
    const { steps, result } = counted(() => permitted(expression, arn));
    expect(steps).toBeLessThan(4 * STEPS_MAX);
    expect(result.allowed).toBe(false);
    expect(codesOf(result)).toEqual(["ROLE_NOT_ALLOWED"]);
  }
});

test("a list that takes too many steps on a long ARN is refused for that ARN, and the finding says so", () => {
  const entries = ["arn:aws:iam::\\d+:role/none", filled("(.*)"), `${filled("(.*)")}.*`];
  const short = list(entries, SHORTEST);
  expect(short.allowed).toBe(true);
  const long = list(entries, LONGEST);
  expect(codesOf(long)).toEqual(TOO_MUCH);
  expect(long.findings[0]?.message).toMatch(
    /allows nothing: its expressions take \d+ steps for a role ARN of \d+ characters, and at most 250000 are allowed; names and \.\* take none\.$/,
  );
});

test.for([
  ["(?:.{0,9}){20}", "(?:.{0,9}){20}!"],
  [".{0,999} after .{0,999}", ".{0,999}".repeat(50)],
  ["(?:.?){500} after (?:.?){500}", "(?:.?){500}".repeat(10)],
  ["((.{0,10}){0,10}){0,10}", "((.{0,10}){0,10}){0,10}"],
  ["(abab){900}", `(${"ab".repeat(100)}){900}`],
  ["one that is too long", ".".repeat(PROGRAM_MAX + 1)],
] as const)("%s is refused before RE2 sees it", ([, expression]) => {
  const { steps, result } = counted(() => permitted(expression));
  expect(steps).toBe(0);
  expect(codesOf(result)).toEqual(TOO_MUCH);
  expect(result.findings[0]?.message).toMatch(
    /allows nothing: ".{1,60}" is longer than 400 characters, or repeats too much\.$/,
  );
});

test.for([
  ["ten whole ARNs", 10, (team: string) => `${ACCOUNT}${team}-.*`],
  ["as many whole ARNs as an annotation can hold", 5000, (team: string) => `${ACCOUNT}${team}-.*`],
  ["a hundred ARNs with classes", 100, (team: string) => `${ACCOUNT}${team}-[a-z]+`],
  ["a hundred names with alternatives", 100, (team: string) => `(dev|prod)/${team}-\\w+`],
] as const)("a list of %s is not too long", ([, length, entry]) => {
  const entries = Array.from({ length }, (_, index) => entry(`t${index}`));
  const last = entry(`t${length - 1}`)
    .replace("(dev|prod)", "prod")
    .replace(/(?:\.\*|\[a-z\]\+|\\w\+)$/, "reader");
  const arn = role(last.startsWith("arn:") ? last : `${ACCOUNT}${last}`);
  expect(list(entries, arn)).toMatchObject({ allowed: true, findings: [] });
  expect(codesOf(list(entries, role(`${ACCOUNT}reader`)))).toEqual(["ROLE_NOT_ALLOWED"]);
});

test.for([
  ["expressions", (index: number) => `(a|b)*${index}`],
  ["the shortest expressions", () => "."],
  ["expressions about other accounts", (index: number) => `arn:aws:iam::\\d+:role/${index}`],
] as const)("an annotation full of %s is refused before RE2 sees it", ([, entry]) => {
  const entries = Array.from({ length: 9000 }, (_, index) => entry(index));
  const { steps, result } = counted(() => list(entries));
  expect(steps).toBe(0);
  expect(codesOf(result)).toEqual(TOO_MUCH);
});

test("names and .* match as RE2 matches them, and need no program", () => {
  const none = (): never => {
    throw new Error("compiled");
  };
  const text = (parts: readonly string[]) =>
    fc.array(fc.constantFrom(...parts), { maxLength: 6 }).map((chosen) => chosen.join(""));
  const simple = fc
    .tuple(
      fc.constantFrom("", "^"),
      text(["a", "ab", "b", ".*", "\\.", "-", "\\-", "\\+", "/"]),
      fc.constantFrom("", "$"),
    )
    .map((chosen) => chosen.join(""));
  fc.assert(
    fc.property(simple, text(["a", "ab", "b", ".", "-", "+", "/"]), (pattern, subject) => {
      expect(anyMatches([{ text: pattern, subject }], BILLING, none)).toBe(
        compilePattern(pattern).matches(subject),
      );
    }),
    { numRuns: 2000 },
  );
});

test("no program is a one-pass program, which RE2JS makes in cubic time", () => {
  const compiling = vi.spyOn(RE2JS, "compile");
  for (const text of ["^a?b?c?$", "\\Aa?b?", "(?:^(?:a?b?))", "(?-m)^x*y*$"]) compilePattern(text);
  RE2JS.compile("^a?b?c?$");
  const programs = compiling.mock.results.map(({ value }) => value as RE2JS);
  compiling.mockRestore();
  expect(programs.map((program) => program.re2().onepass === null)).toEqual([true, true, true, true, false]);
});

test("an expression is compiled once while it is among the last 256", () => {
  const compiled: string[] = [];
  const compile = patternCache(2, (text) => (compiled.push(text), compilePattern(text)));
  const failed = (): unknown => compile("(");
  for (const text of ["a.", "b.", "a.", "c.", "a.", "b."]) expect(compile(text).matches(text)).toBe(true);
  expect(compiled).toEqual(["a.", "b.", "c.", "b."]);
  expect(failed).toThrow(/missing closing/);
  expect(failed).toThrow(/missing closing/);
  expect(compiled).toEqual(["a.", "b.", "c.", "b.", "("]);
});
