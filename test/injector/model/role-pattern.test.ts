import { describe, expect, test } from "vitest";
import {
  allowedPattern,
  allowsRole,
  deniedPattern,
  deniesRole,
  inAnyCase,
  subjectOf,
  whyNever,
} from "../../../injector/model/role-pattern.ts";
import { ACCOUNT, base, role } from "../../support/facts.ts";

const OTHER = "arn:aws:iam::999900001111:role/";
const BASE = base(ACCOUNT);

describe("an entry of an Allow", () => {
  test.for([
    ["billing", `${ACCOUNT}billing`, true],
    ["/billing", `${ACCOUNT}billing`, true],
    ["bill*", `${ACCOUNT}billing`, true],
    ["teams/*", `${ACCOUNT}teams/a/b`, true],
    ["billing", `${ACCOUNT}billing-admin`, false],
    ["billing", `${ACCOUNT}teams/billing`, false],
    ["billing", `${OTHER}billing`, false],
    ["*", `${OTHER}billing`, true],
    ["*/billing", `${OTHER}billing`, true],
    [`${OTHER}b*`, `${OTHER}billing`, true],
    [`${OTHER}b*`, `${ACCOUNT}billing`, false],
    ["Billing", `${ACCOUNT}billing`, false],
  ] as const)("%s allows %s: %s", ([text, arn, expected]) => {
    expect(allowsRole(allowedPattern(text), subjectOf(role(arn), BASE))).toBe(expected);
  });

  test("allows nothing by name without a base ARN", () => {
    expect(allowsRole(allowedPattern("billing"), subjectOf(role(`${ACCOUNT}billing`), undefined))).toBe(
      false,
    );
  });

  test("continues a base ARN that has the beginning of a name", () => {
    const subject = subjectOf(role(`${ACCOUNT}prod-billing`), base(`${ACCOUNT}prod-`));
    expect(allowsRole(allowedPattern("billing"), subject)).toBe(true);
    expect(allowsRole(allowedPattern("prod-billing"), subject)).toBe(false);
  });
});

describe("an entry of a Deny", () => {
  test.for([
    ["admin", `${ACCOUNT}admin`, true],
    ["admin", `${ACCOUNT}Admin`, true],
    ["ADMIN", `${ACCOUNT}admin`, true],
    ["admin", `${OTHER}admin`, true],
    ["admin*", `${OTHER}administrator`, true],
    ["admin", `${ACCOUNT}administrator`, false],
    [`${ACCOUNT}admin`, `${OTHER}admin`, false],
    ["*", `${OTHER}admin`, true],
  ] as const)("%s denies %s: %s, with a base ARN and without", ([text, arn, expected]) => {
    for (const one of [BASE, undefined]) {
      const subject = inAnyCase(subjectOf(role(arn), one));
      expect(deniesRole(deniedPattern(text), subject)).toBe(expected);
    }
  });

  test("is about names below the base ARN too", () => {
    const subject = inAnyCase(subjectOf(role(`${ACCOUNT}Teams/admin`), base(`${ACCOUNT}Teams/`)));
    expect(deniesRole(deniedPattern("admin"), subject)).toBe(true);
    expect(deniesRole(deniedPattern("teams/admin"), subject)).toBe(true);
  });
});

describe("an entry that can never match", () => {
  test.for([
    "arn:aws:iam::1:role/x",
    "arn:aws:iam::111122223333:user/x",
    "arn:aws:sts::111122223333:assumed-role/x/*",
    "ARN:aws:iam::111122223333:role/x",
    "arn:aws:iam::111122223333:role",
    `${ACCOUNT}*:user/x`,
    "*:user/x",
    "*/",
    "* x",
    `${ACCOUNT}billing reader`,
  ])("%s is not like a role's ARN", (text) => {
    expect(whyNever(allowedPattern(text), true)).toBe("is no ARN of a role");
  });

  test.for(["", " ", "a//b", "../admin", "billing reader", "role:x", "n".repeat(65), "a*b c"])(
    "%j is not like a role's name",
    (text) => {
      expect(whyNever(allowedPattern(text), true)).toBe("is no name of a role");
    },
  );

  test("may be a name where there is no base ARN", () => {
    expect(whyNever(allowedPattern("billing-*"), false)).toContain("names need the setting baseRoleArn");
    expect(whyNever(allowedPattern("billing-*"), true)).toBeUndefined();
  });

  test.for([
    "*",
    "*admin*",
    "*-reader",
    "*:role/admin",
    "*23:role/admin",
    "*/admin",
    "arn:*",
    "arn:aws-cn*",
    "arn:aws:iam::*:role/x",
    "arn:aws:iam::1111*",
    `${ACCOUNT}*`,
    `${ACCOUNT}team-a/*`,
    `${ACCOUNT}billing-reader`,
    "arn:aws-us-gov:iam::*",
  ])("is not %s", (text) => {
    expect(whyNever(allowedPattern(text), false)).toBeUndefined();
    expect(whyNever(deniedPattern(text.replace("admin", "ADMIN")), false)).toBeUndefined();
  });
});
