import { describe, expect, test } from "vitest";
import {
  fallbackRegion,
  namedRole,
  parseBaseRoleArn,
  parseRoleArn,
  partitionOf,
} from "../../../injector/model/arn.ts";
import { ACCOUNT, base, role } from "../../support/facts.ts";

describe("a role ARN is accepted", () => {
  test.for([
    ["in every partition", "arn:aws:iam::111122223333:role/a"],
    ["of China", "arn:aws-cn:iam::111122223333:role/a"],
    ["of GovCloud", "arn:aws-us-gov:iam::111122223333:role/a"],
    ["of iso", "arn:aws-iso:iam::111122223333:role/a"],
    ["of iso-b", "arn:aws-iso-b:iam::111122223333:role/a"],
    ["of the European sovereign cloud", "arn:aws-eusc:iam::111122223333:role/a"],
    ["with a path", "arn:aws:iam::111122223333:role/teams/billing/reader"],
    [
      "with AWS's own path",
      "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/Admin_1",
    ],
    ["with every permitted character in its name", "arn:aws:iam::111122223333:role/aZ09_+=,.@-"],
    ["with a name of 64 characters", `${ACCOUNT}${"n".repeat(64)}`],
  ] as const)("%s", ([, arn]) => {
    expect(parseRoleArn(arn)).toBe(arn);
  });
});

describe("a role ARN is refused", () => {
  test.for([
    ["with a newline at its end", `${ACCOUNT}admin\n`],
    ["with a newline inside", `${ACCOUNT}dev\n${ACCOUNT}admin`],
    ["with a carriage return", `${ACCOUNT}admin\r`],
    ["with a null character", `${ACCOUNT}admin\0`],
    ["with blanks around it", ` ${ACCOUNT}admin `],
    ["with a Cyrillic а for an a", `${ACCOUNT}\u0430dmin`],
    ["with full-width digits", "arn:aws:iam::１１１１２２２２３３３３:role/admin"],
    ["with a Kelvin sign for a K", `${ACCOUNT}\u212Aey`],
    ["with a zero-width space", `${ACCOUNT}ad\u200Bmin`],
    ["with a lone surrogate", `${ACCOUNT}a\uD800`],
    ["with a name of 65 characters", `${ACCOUNT}${"n".repeat(65)}`],
    ["with no name", ACCOUNT],
    ["with no account", "arn:aws:iam:::role/a"],
    ["with 11 digits of an account", "arn:aws:iam::11112222333:role/a"],
    ["with a region", "arn:aws:iam:eu-west-1:111122223333:role/a"],
    ["of a user", "arn:aws:iam::111122223333:user/a"],
    ["of an assumed role", "arn:aws:sts::111122223333:assumed-role/a/b"],
    ["of an unknown partition", "arn:awsome:iam::111122223333:role/a"],
    ["in capitals", "ARN:AWS:IAM::111122223333:ROLE/A"],
    ["with a wildcard for a name", `${ACCOUNT}*`],
    ["with a wildcard in its path", `${ACCOUNT}*/admin`],
    ["with a question mark in its path", `${ACCOUNT}team?/admin`],
    ["with an empty segment", `${ACCOUNT}team//admin`],
    ["with .. in its path", `${ACCOUNT}team/../admin`],
    ["with . in its path", `${ACCOUNT}./admin`],
    ["of 700 characters", `${ACCOUNT}${"path/".repeat(140)}a`],
    ["that is empty", ""],
  ] as const)("%s", ([, arn]) => {
    expect(parseRoleArn(arn)).toBeUndefined();
  });
});

describe("a base ARN", () => {
  test("is completed with a slash where it ends in role", () => {
    expect(parseBaseRoleArn("arn:aws:iam::111122223333:role")).toBe(ACCOUNT);
  });

  test.for([
    ["", "reader", "reader"],
    ["teams/", "/reader", "teams/reader"],
    ["prod-", "reader", "prod-reader"],
    ["prod-", "/reader", "prod-reader"],
    ["teams/prod_", "a/reader", "teams/prod_a/reader"],
    ["a.", "b", "a.b"],
  ] as const)("with %j behind the account makes of the name %s the role %s", ([prefix, name, expected]) => {
    const parsed = parseBaseRoleArn(`${ACCOUNT}${prefix}`);
    expect(parsed).toBe(`${ACCOUNT}${prefix}`);
    expect(namedRole(name, parsed)).toEqual({ kind: "arn", arn: `${ACCOUNT}${expected}` });
  });

  test("that kube2iam and kiam would continue differently is not accepted", () => {
    expect(parseBaseRoleArn(`${ACCOUNT}prod`)).toBeUndefined();
    expect(parseBaseRoleArn(`${ACCOUNT}teams/prod9`)).toBeUndefined();
  });

  test("that would make a part of a path of two dots makes no role", () => {
    expect(namedRole("./reader", parseBaseRoleArn(`${ACCOUNT}.`))).toEqual({ kind: "malformed" });
    expect(namedRole(".", parseBaseRoleArn(`${ACCOUNT}.`))).toEqual({ kind: "malformed" });
    expect(namedRole("reader", parseBaseRoleArn(`${ACCOUNT}..`))).toEqual({
      kind: "arn",
      arn: `${ACCOUNT}..reader`,
    });
  });

  test.for(["", "/", "arn:aws:iam::111122223333:", `${ACCOUNT}*`, "role/", `${ACCOUNT}\n`, `${ACCOUNT}a//`])(
    "%j is not accepted",
    (raw) => {
      expect(parseBaseRoleArn(raw)).toBeUndefined();
    },
  );
});

describe("a value that names a role", () => {
  test.for([
    ["billing", `${ACCOUNT}billing`],
    ["teams/billing", `${ACCOUNT}teams/billing`],
    ["/teams/billing", `${ACCOUNT}teams/billing`],
    ["arn:aws-cn:iam::999900001111:role/x", "arn:aws-cn:iam::999900001111:role/x"],
  ] as const)("%s is completed by the base", ([raw, arn]) => {
    expect(namedRole(raw, base(ACCOUNT))).toEqual({ kind: "arn", arn });
  });

  test.for([
    "",
    " ",
    "/",
    "//admin",
    "a/",
    "../admin",
    "team/../admin",
    "*",
    "admin\n",
    "a".repeat(65),
    "arn:",
    "Arn:aws:iam::111122223333:role/admin",
    " arn:aws:iam::111122223333:role/admin",
    "аdmin",
  ])("%j is malformed with and without a base", (raw) => {
    expect(namedRole(raw, base(ACCOUNT))).toEqual({ kind: "malformed" });
    expect(namedRole(raw, undefined)).toEqual({ kind: "malformed" });
  });

  test("a name that makes the ARN too long is malformed", () => {
    const longBase = base(`${ACCOUNT}${"p".repeat(100)}/${"p".repeat(100)}/${"p".repeat(100)}/`);
    expect(namedRole(`${"q".repeat(120)}/${"q".repeat(120)}/${"q".repeat(120)}/a`, longBase)).toEqual({
      kind: "malformed",
    });
  });

  test("a valid name needs a base, but an ARN does not", () => {
    expect(namedRole("billing", undefined)).toEqual({ kind: "needs-base" });
    expect(namedRole(`${ACCOUNT}a`, undefined)).toEqual({ kind: "arn", arn: `${ACCOUNT}a` });
  });

  test.for([
    ["role/billing", base(ACCOUNT), `${ACCOUNT}billing`],
    ["role/teams/billing", base(ACCOUNT), `${ACCOUNT}teams/billing`],
    ["role/billing", base(`${ACCOUNT}teams/`), `${ACCOUNT}billing`],
    ["role/billing", base(`${ACCOUNT}prod-`), `${ACCOUNT}billing`],
    ["/role/billing", base(ACCOUNT), `${ACCOUNT}role/billing`],
    ["roles/billing", base(ACCOUNT), `${ACCOUNT}roles/billing`],
  ] as const)(
    "%s is the end of an ARN if it begins with role/: with %s it is %s",
    ([text, withBase, arn]) => {
      expect(namedRole(text, withBase)).toEqual({ kind: "arn", arn });
    },
  );
});

test.for([
  ["aws", "us-east-1"],
  ["aws-cn", "cn-north-1"],
  ["aws-us-gov", "us-gov-west-1"],
  ["aws-iso", "us-iso-east-1"],
  ["aws-iso-b", "us-isob-east-1"],
  ["aws-iso-e", "eu-isoe-west-1"],
  ["aws-iso-f", "us-isof-south-1"],
  ["aws-eusc", "eusc-de-east-1"],
  ["aws-new", "us-east-1"],
] as const)(
  "a role of partition %s is requested in region %s when no region is set",
  ([partition, region]) => {
    const arn = role(`arn:${partition}:iam::111122223333:role/a`);
    expect(partitionOf(arn)).toBe(partition);
    expect(fallbackRegion(arn)).toBe(region);
  },
);
