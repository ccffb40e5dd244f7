import { describe, expect, test } from "vitest";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import type { PolicyMode } from "../../../injector/config/installation.ts";
import { decideRole } from "../../../injector/decide/policy.ts";
import { config } from "../../support/config.ts";
import { ACCOUNT, base, BILLING, facts, grant, role } from "../../support/facts.ts";
import { grantDefault } from "../../../injector/decide/grant-default.ts";

const allowed = (value: string) => ({ annotations: { [ANNOTATION.namespaceAllowedRoles]: value } });
const permitted = (value: string) => ({ annotations: { [ANNOTATION.namespacePermitted]: value } });
const granted = (...roles: readonly string[]) => ({ grants: [grant("g", { namespaces: ["shop"], roles })] });
const denied = (...roles: readonly string[]) => ({
  grants: [
    grant("a-all", { namespaces: ["*"], roles: ["*"] }),
    grant("z-deny", { effect: "Deny", namespaces: ["shop"], roles }),
  ],
});

const settings = config({ baseRoleArn: base(ACCOUNT) });
const regexp = config({ baseRoleArn: base(ACCOUNT), allowedRolesFormat: "regexp" });
const judged = (around: Parameters<typeof facts>[0], mode: PolicyMode, arn = BILLING, conf = settings) =>
  decideRole(arn, facts(around), "default", mode, conf);
const codesOf = (decision: ReturnType<typeof decideRole>) => decision.findings.map(({ code }) => code);

describe.for([
  ["no rule", {}, { enforce: false, listed: true }],
  ["a list that has the role", allowed('["billing-*"]'), { enforce: true, listed: true }],
  ["a list without the role", allowed('["dev"]'), { enforce: false, listed: false }],
  ["an empty list", allowed("[]"), { enforce: false, listed: false }],
  ["a list that cannot be read", allowed("billing-reader"), { enforce: false, listed: false }],
  ["an expression that matches", permitted(".*:role/billing-[a-z]+"), { enforce: true, listed: true }],
  ["an expression that does not match", permitted("dev"), { enforce: false, listed: false }],
  ["an expression that cannot be read", permitted("("), { enforce: false, listed: false }],
  ["a grant that has the role", granted(`${ACCOUNT}billing-*`), { enforce: true, listed: true }],
  ["a grant without the role", granted(`${ACCOUNT}dev`), { enforce: false, listed: false }],
  [
    "a grant for another namespace",
    { grants: [grant("g", { namespaces: ["other"], roles: ["*"] })] },
    { enforce: false, listed: true },
  ],
  ["a Deny beside an Allow", denied("*billing*"), { enforce: false, listed: false }],
  ["a Deny in another spelling", denied("*:role/Billing-READER"), { enforce: false, listed: false }],
  ["a Deny of something else", denied("*admin*"), { enforce: true, listed: true }],
  ["a grant that has the role's name", granted("billing-*"), { enforce: true, listed: true }],
  ["a grant that has another name", granted("dev"), { enforce: false, listed: false }],
  ["a Deny by name", denied("Billing-reader"), { enforce: false, listed: false }],
  [
    "a grant for another service account of the namespace",
    { grants: [grant("g", { namespaces: ["shop"], serviceAccounts: ["web"], roles: ["*"] })] },
    { enforce: false, listed: false },
  ],
  [
    "a Deny for another service account of the namespace",
    {
      grants: [grant("g", { effect: "Deny", namespaces: ["shop"], serviceAccounts: ["web"], roles: ["*"] })],
    },
    { enforce: false, listed: true },
  ],
] as const)("with %s", ([, around, expected]) => {
  test.for(["enforce", "listed"] as const)("in mode %s", (mode) => {
    expect(judged(around, mode).allowed).toBe(expected[mode]);
  });

  test("in mode audit the pod is admitted, with a warning where enforce would deny it", () => {
    const decision = judged(around, "audit");
    expect(decision.allowed).toBe(true);
    expect(codesOf(decision).includes("ROLE_WOULD_BE_DENIED")).toBe(!expected.enforce);
  });

  test("in mode off every role is allowed", () => {
    expect(judged(around, "off")).toEqual({ allowed: true, rule: "policy off", findings: [] });
  });
});

test("the cluster's default role is allowed unless a Deny grant covers it", () => {
  const conf = config({ defaultRole: BILLING });
  expect(judged(allowed('["dev"]'), "enforce", BILLING, conf).allowed).toBe(true);
  expect(codesOf(judged(denied("*"), "enforce", BILLING, conf))).toEqual(["ROLE_DENIED_BY_GRANT"]);
});

describe("kube2iam's list", () => {
  test.for([
    ["a name under the base", "billing-reader", true],
    ["a leading slash", "/billing-reader", true],
    ["a whole ARN", BILLING, true],
    ["a star, under the base only", "*", true],
    ["a substring", "billing", false],
    ["a name with something in front", "reader", false],
  ] as const)("%s", ([, entry, expected]) => {
    expect(judged(allowed(JSON.stringify([entry])), "enforce").allowed).toBe(expected);
    expect(
      judged(allowed(JSON.stringify([entry.replace("*", ".*")])), "enforce", BILLING, regexp).allowed,
    ).toBe(expected);
  });

  test("a star means roles of the base account only", () => {
    const foreign = role("arn:aws:iam::999900001111:role/admin");
    expect(judged(allowed('["*"]'), "enforce", foreign).allowed).toBe(false);
    expect(judged(allowed('[".*"]'), "enforce", foreign, regexp).allowed).toBe(false);
  });

  test("an expression that closes a group stays below the base", () => {
    const foreign = role("arn:aws:iam::999900001111:role/admin");
    const decision = judged(allowed('["x)|(?:.*"]'), "enforce", foreign, regexp);
    expect(decision.allowed).toBe(false);
    expect(codesOf(decision)).toContain("POLICY_RULE_INVALID");
  });

  test.for(["{}", '"*"', "[1]", '["a", null]', "null", "", "[", `[${'"a",'.repeat(10_000)}"a"]`])(
    "the value %.20s is no list and allows nothing",
    (value) => {
      const decision = judged(allowed(value), "listed");
      expect(decision.allowed).toBe(false);
      expect(codesOf(decision)).toEqual(["POLICY_RULE_INVALID", "ROLE_NOT_ALLOWED"]);
    },
  );
});

describe("expressions", () => {
  test.for([
    [".*:role/billing", false],
    ["^.*:role/billing-reader$", true],
    ["billing-reader", false],
    [".*:role/dev|.*:role/billing-reader", true],
    [".*:role/dev|billing-reader", false],
    ["(?i).*:ROLE/BILLING-READER", true],
    ["(?m)^arn:.*$", true],
    [".*\n", false],
  ] as const)("%j is anchored at both ends: %s", ([expression, expected]) => {
    expect(judged(permitted(expression), "enforce").allowed).toBe(expected);
  });

  test.for(["(a)\\1", "(?=a)a", "(?<!a)b", "a**", "[z-a]", "a{2000}", "\\pL", "\\x{41}", "[ä-ö]", "?a"])(
    "%j is invalid and allows nothing",
    (expression) => {
      const { allowed: allows, findings } = judged(permitted(expression), "enforce");
      expect(allows).toBe(false);
      expect(findings[0]).toMatchObject({ code: "POLICY_RULE_INVALID" });
      expect(findings[0]?.message, "only what the tenant wrote").not.toContain("x00");
    },
  );

  test.for(["arn:aws:iam::\\d{12}:role/[a-z]{1,64}-[a-z]{2,10}", ".*/[\\w+=,.@-]{1,64}"])(
    "%s is accepted, since its repetition is within the limit",
    (expression) => {
      expect(judged(permitted(expression), "enforce").allowed).toBe(true);
    },
  );

  test("a list of plain names may be long, since names need no compiled program", () => {
    const names = Array.from({ length: 200 }, (_, index) => `team-${index}/reader`);
    const last = role(`${ACCOUNT}team-199/reader`);
    expect(judged(allowed(JSON.stringify(names)), "enforce", last, regexp).allowed).toBe(true);
    expect(judged(allowed(JSON.stringify(names)), "enforce", BILLING, regexp).allowed).toBe(false);
  });
});

describe("the default of a grant", () => {
  test("is allowed by the grant itself", () => {
    const grants = [grant("g", { namespaces: ["shop"], roles: [], default: BILLING })];
    expect(judged({ grants }, "enforce")).toMatchObject({ allowed: true, rule: "RoleGrant g" });
    expect(judged({ grants }, "enforce", role(`${ACCOUNT}other`)).allowed).toBe(false);
  });

  test("is the first by name, and never a Deny's", () => {
    const grants = [
      grant("b", { namespaces: ["shop"], default: `${ACCOUNT}b` }),
      grant("a", { namespaces: ["shop"], default: `${ACCOUNT}a` }),
      grant("0", { effect: "Deny", namespaces: ["shop"], default: `${ACCOUNT}0` }),
      grant("1", { namespaces: ["elsewhere"], default: `${ACCOUNT}1` }),
    ];
    for (const some of [grants, grants.toReversed()]) {
      expect(grantDefault(facts({ grants: some }), "default")).toEqual({
        arn: `${ACCOUNT}a`,
        grant: "a",
        others: ["b"],
      });
    }
    expect(grantDefault(facts(), "default")).toBeUndefined();
  });
});

describe("a denial", () => {
  const denial = (around: Parameters<typeof facts>[0], conf = settings) => {
    const { message = "", remedy = "" } = judged(around, "enforce", BILLING, conf).findings.at(-1) ?? {};
    return { message, remedy };
  };
  const DEV = `${ACCOUNT}dev`;

  test("says what is allowed, by which rule, and what to do", () => {
    expect(denial({ ...allowed('["dev", "ops-*"]'), ...granted(DEV, "ci") })).toEqual({
      message: `Service account shop/default may not use ${BILLING}. Allowed here: ${DEV}, ${ACCOUNT}ops-*, by annotation ${ANNOTATION.namespaceAllowedRoles} of namespace shop; ${DEV}, ${ACCOUNT}ci, by RoleGrant g.`,
      remedy: `Use one of these roles, or ask a cluster admin to allow this one by a RoleGrant, or by the annotation ${ANNOTATION.namespaceAllowedRoles} of the namespace. \`podrole explain -f FILE -n shop\` shows the rules that you may read, and what the webhook answers.`,
    });
  });

  test("shows expressions as they were written", () => {
    expect(denial(permitted(".*:role/dev")).message).toContain("Allowed here: .*:role/dev, by annotation");
    expect(denial(allowed('["dev-.*"]'), regexp).message).toContain("Allowed here: dev-.*, by annotation");
  });

  test("says how much more is allowed than it shows", () => {
    const names = Array.from({ length: 1000 }, (_, index) => `team-${index}/reader`);
    const { message } = denial({ ...allowed(JSON.stringify(names)), ...granted(DEV) });
    expect(message).toMatch(/team-0\/reader, .*, by annotation .* of namespace shop; and 9\d\d more\.$/);
    expect(message.length).toBeLessThan(1000);
    expect(denial(allowed(JSON.stringify(["x".repeat(5000)]))).message.length).toBeLessThan(500);
  });

  test("shows no rule of another namespace or service account", () => {
    const grants = [
      grant("theirs", { namespaces: ["other"], roles: ["secret-1"] }),
      grant("web-only", { namespaces: ["shop"], serviceAccounts: ["web"], roles: ["secret-2"] }),
    ];
    const { message, remedy } = denial({ grants });
    expect(message).toBe(
      `Service account shop/default may not use ${BILLING}. RoleGrant web-only allows roles to other service accounts of the namespace only.`,
    );
    expect(message + remedy).not.toMatch(/theirs|secret/);
  });

  test.for([
    ["no rule", {}, "No rule allows it any role."],
    [
      "a list that is empty",
      allowed("[]"),
      `Nothing is allowed here, by annotation ${ANNOTATION.namespaceAllowedRoles} of namespace shop.`,
    ],
    [
      "a list that cannot be read",
      allowed("billing"),
      `Nothing is allowed here, by annotation ${ANNOTATION.namespaceAllowedRoles} of namespace shop (unreadable).`,
    ],
  ] as const)("says so if there is %s", ([, around, what]) => {
    const { message, remedy } = denial(around);
    expect(message).toBe(`Service account shop/default may not use ${BILLING}. ${what}`);
    expect(remedy).toMatch(/^Ask a cluster admin to allow the role by a RoleGrant/);
  });

  test("by a Deny names its grant", () => {
    expect(denial(denied("billing-*")).message).toBe(
      `RoleGrant z-deny denies ${BILLING} to service account shop/default.`,
    );
  });
});
