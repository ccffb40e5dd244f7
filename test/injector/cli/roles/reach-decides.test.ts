import { assert, constantFrom, option, property, record, subarray, array } from "fast-check";
import { expect, test } from "vitest";
import { reachLines } from "../../../../injector/cli/roles/print/tables.ts";
import { groupsOf, withRoles, type Reach } from "../../../../injector/cli/roles/reach/reach.ts";
import { decide } from "../../../../injector/decide/decide.ts";
import { globMatches, globOf } from "../../../../injector/model/glob.ts";
import type { RoleArn } from "../../../../injector/model/arn.ts";
import type { Facts } from "../../../../injector/model/facts.ts";
import { config } from "../../../support/config.ts";
import { ACCOUNT, base, facts, grant, role } from "../../../support/facts.ts";

const FAR = "arn:aws:iam::999988887777:role/";
const ACCOUNTS = ["till", "till-2", "web"];
const ROLES: readonly RoleArn[] = [
  ...["till", "till-reader", "Vault", "vault", "team/vault", "unnamed"].map((name) => role(ACCOUNT + name)),
  ...["till", "vault", "unnamed"].map((name) => role(FAR + name)),
];
const PATTERNS = [
  "*",
  "till*",
  "*vault*",
  "team/*",
  "un*",
  "vault",
  `${ACCOUNT}*`,
  `${FAR}*`,
  `${FAR}vault`,
  "arn:*:role/till",
];

const grants = array(
  record({
    effect: constantFrom("Allow", "Allow", "Deny"),
    roles: subarray(PATTERNS, { maxLength: 3 }),
    namespaces: constantFrom(["shop"], ["s*"], ["mall"]),
    serviceAccounts: option(subarray([...ACCOUNTS, "till*"]), { nil: undefined }),
    default: option(constantFrom(...ROLES), { nil: undefined }),
  }),
  { maxLength: 4 },
);
const annotations = record(
  {
    "iam.amazonaws.com/allowed-roles": constantFrom('["till*"]', `["${FAR}*", "vault"]`, "[]", "no list"),
    "iam.amazonaws.com/permitted": constantFrom(".*", ".*till.*", "(", "^arn:aws:iam::[0-9]+:role/vault$"),
    "podrole.dev/source": constantFrom("broker", "web-identity"),
    "iam.amazonaws.com/default-role": constantFrom("till", `${FAR}vault`),
  },
  { requiredKeys: [] },
);
const settings = record({
  policy: constantFrom("enforce", "listed", "audit", "off", undefined),
  hasBase: constantFrom(true, true, false),
  defaultRole: option(constantFrom(...ROLES), { nil: undefined }),
  allowedRolesFormat: constantFrom("glob", "regexp"),
});
/** Whether the webhook admits a pod of the service account with this role. */
function admits(known: Facts, serviceAccountName: string, arn: RoleArn, over: ReturnType<typeof config>) {
  const pod = {
    metadata: { name: "pod", annotations: { "iam.amazonaws.com/role": arn } },
    spec: { serviceAccountName, containers: [{ name: "app", image: "app:1" }] },
  };
  const answer = decide(pod, known, over);
  return answer.kind === "inject" && answer.intent.sidecar?.identities[0]?.role === arn;
}

/** What a reader takes from the table. */
function says(reach: Reach, arn: RoleArn): boolean {
  const lines = reachLines(reach);
  const subjects = [arn, arn.slice(arn.indexOf(":role/") + ":role/".length)].map((one) => one.toLowerCase());
  const isDenied = lines.some(
    ({ effect, roles }) =>
      effect === "Deny" &&
      roles.some((text) => subjects.some((one) => globMatches(globOf(text.toLowerCase()), one))),
  );
  return lines.some(
    ({ effect, seen }) => seen.includes(arn) || (effect === "Any" && (reach.mode !== "listed" || !isDenied)),
  );
}

test("what --reach says a service account could take is what the webhook admits, for any rules, modes and roles", () => {
  assert(
    property(
      settings,
      grants,
      annotations,
      subarray(ACCOUNTS, { minLength: 1, maxLength: 1 }),
      (given, specs, notes, accounts) => {
        const { hasBase, ...chosen } = given;
        const over = config({
          ...(chosen as object),
          sourceOverride: ["broker", "web-identity"],
          ...(hasBase ? { baseRoleArn: base(ACCOUNT) } : {}),
          brokerUrl: "https://podrole-broker.podrole-system.svc",
          brokerCa: "(a CA)",
        });
        const made = specs.map(({ effect, default: fallback, ...spec }, n) =>
          grant(`grant-${n}`, {
            ...spec,
            effect,
            ...(effect === "Allow" && fallback ? { default: fallback } : {}),
          }),
        );
        const known = facts({
          grants: made.filter(({ namespaces = [] }) => namespaces.some((one) => globMatches(one, "shop"))),
          annotations: notes,
        });
        const groups = groupsOf(known.namespace, new Map(ACCOUNTS.map((name) => [name, known])), over);
        const reaches = groups.map((group) => withRoles(group, ROLES, () => 0, over));
        for (const name of accounts) {
          const reach = reaches.find(({ serviceAccounts }) => serviceAccounts.includes(name));
          if (reach === undefined) throw new Error(`no reach of ${name}`);
          for (const arn of ROLES)
            expect([name, arn, says(reach, arn)]).toEqual([name, arn, admits(known, name, arn, over)]);
        }
      },
    ),
    { numRuns: 200 },
  );
});
