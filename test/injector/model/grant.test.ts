import { describe, expect, test } from "vitest";
import { covers, parseGrant, type Grant } from "../../../injector/model/grant.ts";
import { allowedPattern } from "../../../injector/model/role-pattern.ts";
import { grant } from "../../support/facts.ts";
import { thrown } from "../../support/thrown.ts";
import { globMatches, globOf } from "../../../injector/model/glob.ts";

test.for([
  ["*", "", true],
  ["*", "anything/at:all", true],
  ["", "", true],
  ["", "a", false],
  ["a", "a", true],
  ["a", "A", false],
  ["a*", "a", true],
  ["a*b", "ab", true],
  ["a*b", "a/x/b", true],
  ["a*b", "abc", false],
  ["ab*ba", "aba", false],
  ["*a*a*", "a", false],
  ["*a*a*", "aa", true],
  ["a**b", "ab", true],
  ["*x*y*z", "1x2y3z", true],
  ["*x*y*z", "1y2x3z", false],
  ["role/dev", "role/dev-admin", false],
  ["role/dev", "a-role/dev", false],
  ["a.c", "abc", false],
  ["a?c", "abc", false],
  ["[a-z]", "b", false],
  ["(a+)+$", "(a+)+$", true],
  ["role/dev", "role/dev\n", false],
] as const)("glob %j on %j is %s", ([pattern, subject, expected]) => {
  expect(globMatches(globOf(pattern), subject)).toBe(expected);
});

test("a glob of many stars is matched in one pass over a long subject", () => {
  expect(globMatches(globOf(`${"*a".repeat(5000)}b`), "a".repeat(20_000))).toBe(false);
});

describe("a grant covers", () => {
  const shop = { name: "shop", labels: { team: "red", constructor: "x" } };
  const covered = (spec: object, serviceAccount = "default"): boolean =>
    covers(grant("g", spec), shop, serviceAccount);

  test.for([
    [{ namespaces: ["shop"] }, true],
    [{ namespaces: ["sh*"] }, true],
    [{ namespaces: ["shop-2", "Shop"] }, false],
    [{ namespaces: [] }, false],
    [{ namespaceSelector: {} }, true],
    [{ namespaceSelector: { matchLabels: { team: "red" } } }, true],
    [{ namespaceSelector: { matchLabels: { team: "blue" } } }, false],
    [{ namespaceSelector: { matchLabels: { toString: "x" } } }, false],
    [{ namespaceSelector: { matchExpressions: [{ key: "team", operator: "Exists" }] } }, true],
    [{ namespaceSelector: { matchExpressions: [{ key: "hasOwnProperty", operator: "Exists" }] } }, false],
    [{ namespaceSelector: { matchExpressions: [{ key: "team", operator: "DoesNotExist" }] } }, false],
    [{ namespaceSelector: { matchExpressions: [{ key: "team", operator: "In", values: ["red"] }] } }, true],
    [
      { namespaceSelector: { matchExpressions: [{ key: "team", operator: "NotIn", values: ["red"] }] } },
      false,
    ],
    [
      { namespaceSelector: { matchExpressions: [{ key: "none", operator: "NotIn", values: ["red"] }] } },
      true,
    ],
    [{ namespaceSelector: { matchExpressions: [{ key: "none", operator: "In", values: ["red"] }] } }, false],
    [
      {
        namespaceSelector: {
          matchLabels: { team: "red" },
          matchExpressions: [{ key: "team", operator: "DoesNotExist" }],
        },
      },
      false,
    ],
    [{ namespaces: ["other"], namespaceSelector: { matchLabels: { team: "red" } } }, true],
    [{ namespaces: ["shop"], serviceAccounts: ["default"] }, true],
    [{ namespaces: ["shop"], serviceAccounts: ["def*"] }, true],
    [{ namespaces: ["shop"], serviceAccounts: ["biller"] }, false],
    [{ namespaces: ["shop"], serviceAccounts: [] }, false],
  ] as const)("%j: %s", ([spec, expected]) => {
    expect(covered(spec)).toBe(expected);
  });
});

describe("a grant object", () => {
  test("is read with its defaults", () => {
    expect(grant("g", { namespaces: ["a"], roles: ["r"], effect: null, default: null })).toEqual<Grant>({
      name: "g",
      effect: "Allow",
      namespaces: [globOf("a")],
      roles: [allowedPattern("r")],
    });
  });

  test.for([
    ["no metadata", { spec: { namespaces: [] } }, "(unnamed)"],
    ["a name that is no string", { metadata: { name: 7 }, spec: { namespaces: [] } }, "(unnamed)"],
    ["no spec", { metadata: { name: "g" } }, "(unnamed)"],
  ] as const)("with %s is refused", async ([, object, named]) => {
    const error = await thrown(() => parseGrant(object));
    expect(error).toMatchObject({ code: "GRANT_INVALID", message: expect.stringContaining(named) as string });
  });

  test.for([
    ["neither namespaces nor a selector", {}],
    ["roles that are no list", { namespaces: ["a"], roles: "arn:x" }],
    ["a role that is no string", { namespaces: ["a"], roles: ["x", 1] }],
    ["namespaces that are no list", { namespaces: "a" }],
    ["service accounts that are no list", { namespaces: ["a"], serviceAccounts: { a: 1 } }],
    ["an effect in lower case", { namespaces: ["a"], effect: "deny" }],
    ["a default that is no ARN", { namespaces: ["a"], default: "billing" }],
    ["a default with a newline", { namespaces: ["a"], default: "arn:aws:iam::111122223333:role/a\n" }],
    ["session names that are no list", { namespaces: ["a"], sessionNames: "payments.*" }],
    ["session names on a Deny", { namespaces: ["a"], effect: "Deny", sessionNames: ["payments.*"] }],
    ["a selector that is a string", { namespaceSelector: "team=red" }],
    ["a selector that is a list", { namespaceSelector: [] }],
    ["a field misspelt in the selector", { namespaceSelector: { matchLabel: { a: "b" } } }],
    ["a label that is no string", { namespaceSelector: { matchLabels: { a: 1 } } }],
    ["labels that are a list", { namespaceSelector: { matchLabels: ["a"] } }],
    ["expressions that are no list", { namespaceSelector: { matchExpressions: {} } }],
    ["an expression without a key", { namespaceSelector: { matchExpressions: [{ operator: "Exists" }] } }],
    ["an unknown operator", { namespaceSelector: { matchExpressions: [{ key: "a", operator: "Gt" }] } }],
    [
      "NotIn without values, which would select every namespace",
      { namespaceSelector: { matchExpressions: [{ key: "a", operator: "NotIn" }] } },
    ],
    [
      "NotIn with values that are no strings",
      { namespaceSelector: { matchExpressions: [{ key: "a", operator: "NotIn", values: [1] }] } },
    ],
    [
      "In with values misspelt",
      { namespaceSelector: { matchExpressions: [{ key: "a", operator: "In", value: ["x"] }] } },
    ],
    [
      "a field misspelt, which would widen it to every service account",
      { namespaces: ["a"], roles: ["*"], serviceAccount: ["biller"] },
    ],
  ] as const)("with %s is refused with a sentence that names it", async ([, spec]) => {
    const error = await thrown(() => grant("my-grant", spec));
    expect(error).toMatchObject({
      code: "GRANT_INVALID",
      remedy: "Correct the grant, or ask a cluster admin to.",
    });
    expect(error.message).toMatch(/^RoleGrant my-grant .+\.$/);
  });
});
