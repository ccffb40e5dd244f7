import { expect, test } from "vitest";
import { grantLabelValue, grantOfRule, ruleOfGrant } from "../../../injector/model/grant-label.ts";

/** The label values that Kubernetes accepts. */
const VALUE = /^[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?$/;

test.for(["a", "team-a.billing", "a".repeat(63)])("the label of a pod is its grant's name: %s", (name) => {
  expect(grantLabelValue(name)).toBe(name);
});

test.for(["a".repeat(64), `${"a".repeat(45)}.-${"b".repeat(200)}`, `${"a-".repeat(126)}a`])(
  "a grant's name that is too long is cut and gets a hash of the whole name: %s",
  (name) => {
    const value = grantLabelValue(name);
    expect(value).toMatch(VALUE);
    expect(value).toMatch(/^a.*-[0-9a-f]{16}$/);
    expect(grantLabelValue(`${name}x`)).not.toBe(value);
  },
);

test("the rule of a grant yields its name, and other rules yield none", () => {
  expect(grantOfRule(ruleOfGrant("team-a"))).toBe("team-a");
  for (const rule of ["policy off", "RoleGrant a b", "annotation RoleGrant a"]) {
    expect(grantOfRule(rule)).toBeUndefined();
  }
});
