import { type RoleArn } from "../model/arn.ts";
import type { Facts } from "../model/facts.ts";
import type { InjectorConfig, PolicyMode } from "../config/installation.ts";
import { finding, type Finding } from "../model/findings.ts";
import { covers, grantAllows, type Grant } from "../model/grant.ts";
import { annotationRules, type Rule } from "./annotation-rules.ts";
import { globMatches } from "../model/glob.ts";
import { ruleOfGrant } from "../model/grant-label.ts";

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
  if (mode === "off") return { allowed: true, rule: "policy off", findings: [] };

  const grants = facts.grants.filter((grant) => covers(grant, facts.namespace, serviceAccount));
  const lower = arn.toLowerCase();
  const denying = grants.find(
    ({ effect, roles }) => effect === "Deny" && roles.some((glob) => globMatches(glob, lower)),
  );
  if (denying !== undefined) {
    const remedy = `Use another role, or ask a cluster admin to change RoleGrant ${denying.name}.`;
    return refused(
      "ROLE_DENIED_BY_GRANT",
      `RoleGrant ${denying.name} denies ${arn} to ${who(facts, serviceAccount)}.`,
      remedy,
      mode,
      [],
    );
  }

  const findings: Finding[] = [];
  const rules = [
    ...annotationRules(arn, facts, config, findings),
    ...grants.filter(({ effect }) => effect === "Allow").map(grantRule),
  ];
  const rule = rules.find(({ allows }) => allows(arn));
  if (rule !== undefined) return { allowed: true, rule: rule.name, findings };
  if (arn === config.defaultRole) return { allowed: true, rule: "the setting defaultRole", findings };
  if (mode === "listed" && rules.length === 0) {
    return { allowed: true, rule: "no rule is set here, so the IAM trust policy decides", findings };
  }

  const present =
    rules.length === 0
      ? "no rule applies to it"
      : `no rule that applies to it allows the role (${rules.map(({ name }) => name).join(", ")})`;
  const remedy =
    "Add the role to a RoleGrant that covers the namespace, or to the namespace's annotation " +
    `${config.keys.namespaceAllowedRoles}. \`podrole explain -f\` shows every rule that was checked.`;
  return refused(
    "ROLE_NOT_ALLOWED",
    `${who(facts, serviceAccount)} may not use ${arn}: ${present}.`,
    remedy,
    mode,
    findings,
  );
}

const who = (facts: Facts, serviceAccount: string): string =>
  `Service account ${facts.namespace.name}/${serviceAccount}`;

function refused(
  code: "ROLE_NOT_ALLOWED" | "ROLE_DENIED_BY_GRANT",
  message: string,
  remedy: string,
  mode: PolicyMode,
  findings: readonly Finding[],
): RoleDecision {
  if (mode === "audit") {
    const would = finding("ROLE_WOULD_BE_DENIED", message, remedy);
    return {
      allowed: true,
      rule: "policy audit: admitted although no rule allows it",
      findings: [...findings, would],
    };
  }
  return { allowed: false, findings: [...findings, finding(code, message, remedy)] };
}

const grantRule = (grant: Grant): Rule => ({
  name: ruleOfGrant(grant.name),
  allows: (arn) => grantAllows(grant, arn),
});
