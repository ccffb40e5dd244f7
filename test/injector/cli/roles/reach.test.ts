import { expect, test } from "vitest";
import { groupsOf, namedRoles, withRoles, type Reach } from "../../../../injector/cli/roles/reach/reach.ts";
import { reachLines } from "../../../../injector/cli/roles/print/tables.ts";
import type { InjectorConfig } from "../../../../injector/config/installation.ts";
import type { Facts } from "../../../../injector/model/facts.ts";
import { config } from "../../../support/config.ts";
import { ACCOUNT, base, facts, grant, role } from "../../../support/facts.ts";

const [TILL, VAULT] = [role(`${ACCOUNT}till-reader`), role(`${ACCOUNT}vault`)];
const settings = (over: Partial<InjectorConfig> = {}): InjectorConfig =>
  config({ policy: "enforce", baseRoleArn: base(ACCOUNT), ...over });

function reach(
  accounts: Readonly<Record<string, Facts | Error>>,
  over: Partial<InjectorConfig> = {},
  known = [TILL, VAULT],
): readonly Reach[] {
  const [first = facts()] = Object.values(accounts);
  const { namespace } = first instanceof Error ? facts() : first;
  const groups = groupsOf(namespace, new Map(Object.entries(accounts)), settings(over));
  const podsWith = (_: string, name: string, one: string): number =>
    name === "till" && one === TILL ? 3 : 0;
  return groups.map((group) => withRoles(group, known, podsWith, settings(over)));
}

const tills = grant("tills", { roles: ["till-*"], namespaces: ["shop"], serviceAccounts: ["till*"] });
const deny = grant("no", { effect: "Deny", roles: ["*vault*"], namespaces: ["*"] });

test("service accounts about which the rules say the same are one group, with patterns and the known roles that match", () => {
  const known = facts({ grants: [deny, tills] });
  expect(reach({ till: known, web: known, "till-2": known, api: known })).toEqual([
    {
      namespace: "shop",
      serviceAccounts: ["api", "web"],
      isHandled: true,
      source: "web-identity",
      mode: "enforce",
      rules: [{ rule: "RoleGrant no", effect: "Deny", patterns: ["*vault*"] }],
      roles: [],
    },
    {
      namespace: "shop",
      serviceAccounts: ["till", "till-2"],
      isHandled: true,
      source: "web-identity",
      mode: "enforce",
      rules: [
        { rule: "RoleGrant no", effect: "Deny", patterns: ["*vault*"] },
        { rule: "RoleGrant tills", effect: "Allow", patterns: [`${ACCOUNT}till-*`] },
      ],
      roles: [{ role: TILL, rule: "RoleGrant tills", pods: 3 }],
    },
  ]);
});

test("a Deny wins over what another rule allows", () => {
  const all = grant("all", { roles: ["*"], namespaces: ["*"] });
  expect(reach({ web: facts({ grants: [all, deny] }) })[0]?.roles.map((one) => one.role)).toEqual([TILL]);
});

test("kube2iam's list and kiam's expression are shown as they are written, and compared as the webhook does", () => {
  const annotations = {
    "iam.amazonaws.com/allowed-roles": JSON.stringify(["till-*"]),
    "iam.amazonaws.com/permitted": ".*role/vau.t",
  };
  const [one] = reach({ web: facts({ annotations }) });
  expect(one?.rules.map(({ patterns }) => patterns)).toEqual([[`${ACCOUNT}till-*`], [".*role/vau.t"]]);
  expect(one?.roles.map(({ role: name, rule }) => [name, rule])).toEqual([
    [TILL, "annotation iam.amazonaws.com/allowed-roles"],
    [VAULT, "annotation iam.amazonaws.com/permitted"],
  ]);
});

test.for([
  ["listed", "no rule is set here, so the IAM trust policy decides"],
  ["off", "policy off"],
  ["audit", "policy audit: admitted although no rule allows it"],
] as const)("in mode %s, that any role is admitted is said once and not role by role", ([policy, open]) => {
  expect(reach({ web: facts() }, { policy })).toMatchObject([{ mode: policy, open, rules: [], roles: [] }]);
  expect(reachLines(reach({ web: facts() }, { policy })[0] as Reach)).toEqual([
    { effect: "Any", roles: ["*"], rule: open, seen: [] },
  ]);
});

test("in mode audit, any role is admitted beside what a rule allows, also one that is denied", () => {
  const annotations = { "iam.amazonaws.com/permitted": ".*" };
  const known = facts({ annotations, grants: [deny] });
  expect(reach({ web: known }, { policy: "audit" })[0]?.open).toMatch(/^policy audit/);
});

test("in mode listed, a Deny leaves to IAM what it does not deny, whatever it denies", () => {
  const everywhere = grant("far", {
    effect: "Deny",
    roles: ["un*", "arn:aws:iam::000000000000:*"],
    namespaces: ["*"],
  });
  expect(reach({ web: facts({ grants: [everywhere] }) }, { policy: "listed" })[0]?.open).toMatch(/IAM/);
});

test.for(["audit", "off"] as const)("in mode %s, a Deny is said to be applied to nobody", (policy) => {
  const [one] = reach({ web: facts({ grants: [deny] }) }, { policy });
  expect(one && reachLines(one)[0]).toMatchObject({
    effect: "Deny",
    rule: `RoleGrant no (not applied: policy ${policy})`,
  });
});

test("in mode listed, one grant for another service account closes the namespace", () => {
  expect(reach({ web: facts({ grants: [tills] }) }, { policy: "listed" })[0]?.open).toBeUndefined();
});

test("source broker enforces, whatever the setting policy says", () => {
  const annotations = { "podrole.dev/source": "broker" };
  const over = { policy: "off", sourceOverride: ["broker"] } as const;
  expect(reach({ web: facts({ annotations }) }, over)[0]).toMatchObject({
    source: "broker",
    mode: "enforce",
  });
});

test("the role of a pod that names none is told, and parts service accounts", () => {
  const account = { "eks.amazonaws.com/role-arn": TILL };
  const groups = reach({ a: facts({ account, grants: [tills] }), b: facts({ grants: [tills] }) });
  expect(groups.map(({ serviceAccounts, gets }) => [serviceAccounts, gets])).toEqual([
    [["a"], TILL],
    [["b"], undefined],
  ]);
});

test("a namespace without the label, or with a grant that cannot be read, says so in one line", () => {
  const [off] = reach({ web: facts({ labels: { "podrole.dev/inject": "no" } }) });
  expect(off).toMatchObject({ isHandled: false, serviceAccounts: [] });
  const [broken] = reach({
    web: new Error("RoleGrant x has no spec."),
    api: new Error("RoleGrant x has no spec."),
  });
  expect(broken).toMatchObject({ serviceAccounts: ["api", "web"], problem: "RoleGrant x has no spec." });
  for (const one of [off, broken]) expect(one && reachLines(one)).toMatchObject([{ effect: "None" }]);
});

test("roles that rules or defaults name in full are known, as patterns are not", () => {
  const named = grant("one", {
    roles: ["till", "tills-*", `${ACCOUNT}report`],
    namespaces: ["*"],
    default: VAULT,
  });
  const groups = groupsOf(facts().namespace, new Map([["web", facts({ grants: [named] })]]), settings());
  expect(new Set(namedRoles(groups))).toEqual(new Set([`${ACCOUNT}till`, `${ACCOUNT}report`, VAULT]));
});
