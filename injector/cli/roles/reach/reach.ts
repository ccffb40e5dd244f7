import type { Source } from "../../../../sidecar/contract/session.ts";
import { coded } from "../../../../sidecar/kit/errors.ts";
import type { InjectorConfig, PolicyMode } from "../../../config/installation.ts";
import { policyMode } from "../../../decide/identities.ts";
import { namespaceSettings } from "../../../decide/namespace-settings.ts";
import {
  admitsAny,
  decideRole,
  RULE_BY_IAM,
  RULE_OFF,
  rulesFor,
  type RulesFor,
} from "../../../decide/policy.ts";
import { resolveRole } from "../../../decide/role.ts";
import { parseRoleArn, type RoleArn } from "../../../model/arn.ts";
import { globMatches, globOf } from "../../../model/glob.ts";
import { isLabelled, type Facts, type NamespaceFacts } from "../../../model/facts.ts";
import { ruleOfGrant } from "../../../model/grant-label.ts";

/** What service accounts of one namespace could take, alike for all of them. */
export interface Reach {
  readonly namespace: string;
  /** Sorted. Empty where podrole does not handle the namespace. */
  readonly serviceAccounts: readonly string[];
  readonly isHandled: boolean;
  /** Why nothing can be said: the webhook does not decide here, either. */
  readonly problem?: string;
  readonly source?: Source;
  readonly mode?: PolicyMode;
  /** Why roles that no rule names are admitted, too: the mode, or IAM's trust policy alone decides. */
  readonly open?: string;
  /** The role of a pod that names none. */
  readonly gets?: RoleArn;
  readonly rules: readonly ReachRule[];
  /** Roles that the cluster knows by name and that the rules allow. */
  readonly roles: readonly ReachRole[];
}

export interface ReachRule {
  readonly rule: string;
  readonly effect: "Allow" | "Deny";
  /** As written: ARNs, globs or regular expressions. */
  readonly patterns: readonly string[];
}

export interface ReachRole {
  readonly role: RoleArn;
  /** That allows it. */
  readonly rule: string;
  /** Pods of these service accounts that have it now. */
  readonly pods: number;
}

/** Service accounts of one namespace about which the rules say the same. */
export interface Group {
  readonly reach: Omit<Reach, "roles">;
  /** Of one of them. */
  readonly facts?: Facts;
}

/**
 * What the rules say about each service account of a namespace. Pure.
 * @param accounts by name; each with its facts, or why there are none
 */
export function groupsOf(
  namespace: NamespaceFacts,
  accounts: ReadonlyMap<string, Facts | Error>,
  config: InjectorConfig,
): readonly Group[] {
  const { name } = namespace;
  if (!isLabelled({ namespace }))
    return [{ reach: { namespace: name, serviceAccounts: [], isHandled: false, rules: [] } }];
  const alike = new Map<string, { readonly names: string[]; readonly judged: Judged }>();
  for (const [account, facts] of [...accounts].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const judged = judge(account, facts, config);
    const found = alike.get(judged.key);
    if (found === undefined) alike.set(judged.key, { names: [account], judged });
    else found.names.push(account);
  }
  return [...alike.values()].map(({ names, judged: { reach, facts } }) => ({
    reach: { namespace: name, serviceAccounts: names, isHandled: true, ...reach },
    ...(facts === undefined ? {} : { facts }),
  }));
}

/**
 * Adds the roles that the rules allow, among those that are known by name: by the function that decides about pods. Pure.
 * @param podsWith how many pods of a service account have a role
 */
export function withRoles(
  { reach, facts }: Group,
  known: readonly RoleArn[],
  podsWith: (namespace: string, serviceAccount: string, role: RoleArn) => number,
  config: InjectorConfig,
): Reach {
  const { namespace, serviceAccounts, mode } = reach;
  if (facts === undefined || mode === undefined) return { ...reach, roles: [] };
  const roles = known.filter(mayMatch(reach.rules, config)).flatMap((role): ReachRole[] => {
    const decision = decideRole(role, facts, serviceAccounts[0] ?? "", mode, config);
    if (!decision.allowed || isUnruled(decision)) return [];
    const pods = serviceAccounts.reduce((sum, name) => sum + podsWith(namespace, name, role), 0);
    return [{ role, rule: decision.rule, pods }];
  });
  return { ...reach, roles };
}

/**
 * Whether a role is worth a decision: one that no pattern matches is allowed by no rule. A large cluster has more roles times service
 * accounts than there is time to decide about.
 */
function mayMatch(rules: readonly ReachRule[], config: InjectorConfig): (role: RoleArn) => boolean {
  const allows = rules.filter(({ effect }) => effect === "Allow");
  if (allows.map(({ rule }) => rule).some(isOfExpressions(config))) return () => true;
  const globs = allows.flatMap(({ patterns }) => patterns.map(globOf));
  const names = new Set(globs.flatMap(({ text, tail }) => (tail === undefined ? [text] : [])));
  const others = globs.filter(({ tail }) => tail !== undefined);
  return (role) => names.has(role) || others.some((glob) => globMatches(glob, role));
}

/** Whether the patterns of a rule are regular expressions. */
export const isOfExpressions =
  ({ allowedRolesFormat, keys }: InjectorConfig) =>
  (rule: string): boolean =>
    rule === `annotation ${keys.namespacePermitted}` ||
    (rule === `annotation ${keys.namespaceAllowedRoles}` && allowedRolesFormat !== "glob");

interface Judged {
  /** Equal for service accounts about which the same is said. */
  readonly key: string;
  readonly facts?: Facts;
  readonly reach: Pick<Reach, "problem" | "source" | "mode" | "open" | "gets" | "rules">;
}

function judge(serviceAccount: string, facts: Facts | Error, config: InjectorConfig): Judged {
  if (facts instanceof Error) {
    const problem = coded(facts).message;
    return { key: problem, reach: { problem, rules: [] } };
  }
  const { source } = namespaceSettings(facts, config);
  const mode = policyMode({ policy: config.policy, source });
  const asked = resolveRole({ spec: { containers: [], serviceAccountName: serviceAccount } }, facts, config);
  const gets = asked.kind === "role" ? asked.arn : undefined;
  const found = rulesFor(facts, serviceAccount, config);
  const open = admitsAny(facts, found.allows, mode);
  const reach = {
    source,
    mode,
    ...(open === undefined ? {} : { open }),
    ...(gets === undefined ? {} : { gets }),
    rules: rulesOf(found, config),
  };
  const key = JSON.stringify([open, gets, reach.rules.map(({ rule, effect }) => [rule, effect])]);
  return { key, facts, reach };
}

const rulesOf = ({ denies, allows }: RulesFor, { defaultRole }: InjectorConfig): readonly ReachRule[] => [
  ...denies.map(({ name, roles }): ReachRule => ({
    rule: ruleOfGrant(name),
    effect: "Deny",
    patterns: roles.map(({ glob }) => glob.text),
  })),
  ...allows.map(({ name, roles }): ReachRule => ({ rule: name, effect: "Allow", patterns: roles() })),
  ...(defaultRole === undefined
    ? []
    : [{ rule: "the setting defaultRole", effect: "Allow", patterns: [defaultRole] } as const]),
];

/** Admitted, but by no rule that allows it. */
const isUnruled = ({
  rule,
  findings,
}: {
  readonly rule: string;
  readonly findings: readonly { readonly code: string }[];
}): boolean =>
  rule === RULE_OFF || rule === RULE_BY_IAM || findings.some(({ code }) => code === "ROLE_WOULD_BE_DENIED");

/** The roles that rules and defaults name in full. */
export const namedRoles = (groups: readonly Group[]): readonly RoleArn[] =>
  groups.flatMap(({ reach: { rules, gets } }) => [
    ...(gets === undefined ? [] : [gets]),
    ...rules
      .filter(({ effect }) => effect === "Allow")
      .flatMap(({ patterns }) => patterns.map(parseRoleArn).filter((role) => role !== undefined)),
  ]);
