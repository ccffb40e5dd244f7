import { describe, expect, test } from "vitest";
import { mayTake } from "../../../../injector/cli/roles/reach/asked.ts";
import { groupsOf } from "../../../../injector/cli/roles/reach/reach.ts";
import type { InjectorConfig } from "../../../../injector/config/installation.ts";
import type { Facts } from "../../../../injector/model/facts.ts";
import { config } from "../../../support/config.ts";
import { ACCOUNT, base, facts, grant } from "../../../support/facts.ts";

const FAR = "arn:aws:iam::999988887777:role/";
const may = (text: string, known: Facts, over: Partial<InjectorConfig> = {}): boolean => {
  const settings = config({ policy: "enforce", baseRoleArn: base(ACCOUNT), ...over });
  const [group] = groupsOf(known.namespace, new Map([["web", known]]), settings);
  if (group === undefined) throw new Error("no group");
  return mayTake(text, group, settings);
};
const allowing = (...roles: readonly string[]): Facts =>
  facts({ grants: [grant("some", { roles, namespaces: ["*"] })] });

describe("who may take a role that no pod has", () => {
  test.for([
    ["vault-*", "vault-admin", true],
    ["vault-*", `${ACCOUNT}vault-admin`, true],
    ["vault-*", `${FAR}vault-admin`, false],
    ["vault-*", "till", false],
    [`${FAR}team/*`, "reader", true],
    [`${FAR}team/*`, "team/reader", true],
    [`${FAR}team/*`, "till/reader", false],
    ["arn:*:role/till", "till*", true],
    ["*", "whatever", true],
    ["vault-*", "*-admin", true],
    ["vault-*", "vault-ad*", true],
    ["vault-*", "till-*", false],
    ["*-admin", "till-*", true],
    ["*-admin", "*-reader", false],
    ["team/*", "reader*", true],
    [`${FAR}*`, `${ACCOUNT}*`, false],
  ] as const)("by the pattern %s, asked about %s: %s", ([pattern, text, expected]) => {
    expect(may(text, allowing(pattern))).toBe(expected);
  });

  test("nobody may, where a Deny is about it", () => {
    const deny = grant("no", { effect: "Deny", roles: ["*vault*"], namespaces: ["*"] });
    const known = facts({ grants: [...allowing("*").grants, deny] });
    expect(may("vault", known)).toBe(false);
    expect(may("till", known)).toBe(true);
    const listed = { policy: "listed" } as const;
    expect([
      may("vault", facts({ grants: [deny] }), listed),
      may("till", facts({ grants: [deny] }), listed),
    ]).toEqual([false, true]);
  });

  test("an expression is asked, as the webhook does", () => {
    const annotations = { "iam.amazonaws.com/permitted": `${FAR}vault-.*` };
    expect(may("vault-admin", facts({ annotations }), {})).toBe(true);
    expect(may("till", facts({ annotations }))).toBe(false);
    expect(may("vault*", facts({ annotations }))).toBe(true);
    expect(may("till*", facts({ annotations }))).toBe(false);
    const unclear = { "iam.amazonaws.com/permitted": `${FAR}(till|vault)-.*` };
    expect(may("till*", facts({ annotations: unclear }))).toBe(true);
  });
});
