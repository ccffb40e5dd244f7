import { type RoleArn } from "../model/arn.ts";
import type { Facts } from "../model/facts.ts";
import type { InjectorConfig, PolicyMode } from "../config/installation.ts";
import { finding, type Finding } from "../model/findings.ts";
import { covers, coversNamespace, grantAllows, grantDenies, type Grant } from "../model/grant.ts";
import { annotationRules, type Rule } from "./annotation-rules.ts";
import { allowedHere } from "./allowed-here.ts";
import { ruleOfGrant } from "../model/grant-label.ts";
import { inAnyCase, subjectOf, type RoleSubject } from "../model/role-pattern.ts";

/** Whether the pod may use the role, and the rule that allows it. */
export type RoleDecision =
  | { readonly allowed: true; readonly rule: string; readonly findings: readonly Finding[] }
  | { readonly allowed: false; readonly findings: readonly Finding[] };

/**
 * Decides by the namespace's annotations and the grants. Pure. A `Deny` grant overrides every rule. A rule that cannot be
 * read allows nothing but still counts as a rule: a namespace with a broken list is restricted, not unrestricted.
 * @param serviceAccount name of the pod's service account
 */
export function decideRole(
  arn: RoleArn,
  facts: Facts,
  serviceAccount: string,
  mode: PolicyMode,
  config: Pick<InjectorConfig, "allowedRolesFormat" | "baseRoleArn" | "defaultRole" | "keys">,
): RoleDecision {
  if (mode === "off") return { allowed: true, rule: RULE_OFF, findings: [] };

  const { denies, allows: allowing } = grantsFor(facts, serviceAccount);
  const subject = subjectOf(arn, config.baseRoleArn);
  const inCase = denies.length === 0 ? subject : inAnyCase(subject);
  const denying = denies.find((grant) => grantDenies(grant, inCase));
  if (denying !== undefined) {
    const remedy = `Use another role, or ask a cluster admin to change RoleGrant ${denying.name}.`;
    const message = `RoleGrant ${denying.name} denies ${arn} to service account ${who(facts, serviceAccount)}.`;
    return refused("ROLE_DENIED_BY_GRANT", message, remedy, mode, []);
  }

  const findings: Finding[] = [];
  const rules = [
    ...annotationRules(arn, facts, config, findings),
    ...allowing.map((grant) => grantRule(grant, subject, config)),
  ];
  const rule = rules.find(({ allows }) => allows(arn));
  if (rule !== undefined) return { allowed: true, rule: rule.name, findings };
  if (arn === config.defaultRole) return { allowed: true, rule: "the setting defaultRole", findings };
  const open = admitsAny(facts, rules, mode);
  if (mode === "listed" && open !== undefined) return { allowed: true, rule: open, findings };

  const allowed = allowedHere(rules);
  const [ask, which] = allowed === "" ? ["Ask", "the role"] : ["Use one of these roles, or ask", "this one"];
  const remedy = `${ask} a cluster admin to allow ${which} by a RoleGrant, or by the annotation ${config.keys.namespaceAllowedRoles} of the namespace. \`podrole explain -f FILE -n ${facts.namespace.name}\` shows the rules that you may read, and what the webhook answers.`;
  const message = `Service account ${who(facts, serviceAccount)} may not use ${arn}. ${allowed === "" ? noneOf(rules, forOtherAccounts(facts)) : allowed}`;
  return refused("ROLE_NOT_ALLOWED", message, remedy, mode, findings);
}

/** The rules about the pods of one service account, in the order of the decision. */
export interface RulesFor {
  readonly denies: readonly Grant[];
  readonly allows: readonly Pick<Rule, "name" | "roles">[];
}

/** The rules that {@link decideRole} goes by, whichever role is asked for. Pure. */
export function rulesFor(
  facts: Facts,
  serviceAccount: string,
  config: Pick<InjectorConfig, "allowedRolesFormat" | "baseRoleArn" | "keys">,
): RulesFor {
  const { denies, allows } = grantsFor(facts, serviceAccount);
  const subject = subjectOf(ANY_ROLE, config.baseRoleArn);
  const ofGrants = allows.map((grant) => grantRule(grant, subject, config));
  return { denies, allows: [...annotationRules(ANY_ROLE, facts, config, []), ...ofGrants] };
}

/**
 * Why pods are admitted with whatever role: the mode, or that no rule is about their namespace; undefined where a rule has to allow it. In
 * mode `listed` a Deny is still applied. Pure.
 * @param allows the rules about the service account
 */
export function admitsAny(
  facts: Facts,
  allows: readonly Pick<Rule, "name">[],
  mode: PolicyMode,
): string | undefined {
  if (mode === "off") return RULE_OFF;
  if (mode === "audit") return RULE_AUDIT;
  return mode === "listed" && allows.length === 0 && forOtherAccounts(facts).length === 0
    ? RULE_BY_IAM
    : undefined;
}

/** The rules' patterns are the same for every role. */
const ANY_ROLE = "arn:aws:iam::000000000000:role/any" as RoleArn;

/** `rule` where no rule of the cluster has allowed the role. */
export const RULE_OFF = "policy off";
export const RULE_BY_IAM = "no rule is set here, so the IAM trust policy decides";
const RULE_AUDIT = "policy audit: admitted although no rule allows it";

function grantsFor({ grants, namespace }: Facts, serviceAccount: string) {
  const covering = grants.filter((grant) => covers(grant, namespace, serviceAccount));
  return {
    denies: covering.filter(({ effect }) => effect === "Deny"),
    allows: covering.filter(({ effect }) => effect === "Allow"),
  };
}

const who = ({ namespace }: Facts, serviceAccount: string): string => `${namespace.name}/${serviceAccount}`;

/** Grants for other service accounts of the namespace: they are rules of this namespace, too. */
const forOtherAccounts = ({ grants, namespace }: Facts): readonly Grant[] =>
  grants.filter((grant) => grant.effect === "Allow" && coversNamespace(grant, namespace));

function noneOf(rules: readonly Rule[], others: readonly Grant[]): string {
  if (rules.length > 0) return `Nothing is allowed here, by ${listed(rules.map(({ label }) => label))}.`;
  if (others.length === 0) return "No rule allows it any role.";
  return `${listed(others.map(({ name }) => ruleOfGrant(name)))} allow${others.length === 1 ? "s" : ""} roles to other service accounts of the namespace only.`;
}

/** Names, of which a cluster may have thousands. */
const NAMES_MAX = 5;

function listed(names: readonly string[]): string {
  const more = names.length - NAMES_MAX;
  return [...names.slice(0, NAMES_MAX), ...(more > 0 ? [`${more} more`] : [])]
    .join(", ")
    .replace(/, (?=[^,]*$)/, " and ");
}

function refused(
  code: "ROLE_NOT_ALLOWED" | "ROLE_DENIED_BY_GRANT",
  message: string,
  remedy: string,
  mode: PolicyMode,
  findings: readonly Finding[],
): RoleDecision {
  if (mode === "audit") {
    const would = finding("ROLE_WOULD_BE_DENIED", message, remedy);
    return { allowed: true, rule: RULE_AUDIT, findings: [...findings, would] };
  }
  return { allowed: false, findings: [...findings, finding(code, message, remedy)] };
}

function grantRule(
  grant: Grant,
  subject: RoleSubject,
  { baseRoleArn }: Pick<InjectorConfig, "baseRoleArn">,
): Rule {
  const name = ruleOfGrant(grant.name);
  return {
    name,
    label: name,
    allows: () => grantAllows(grant, subject),
    roles: () => [
      ...(grant.default === undefined ? [] : [grant.default]),
      ...grant.roles.flatMap(({ glob, isName }) => {
        if (!isName) return [glob.text];
        return baseRoleArn === undefined ? [] : [baseRoleArn + glob.text];
      }),
    ],
  };
}
