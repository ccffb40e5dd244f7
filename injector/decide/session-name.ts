import type { InjectorConfig } from "../config/installation.ts";
import type { RoleArn } from "../model/arn.ts";
import type { Facts } from "../model/facts.ts";
import { finding, type Finding } from "../model/findings.ts";
import { globMatches } from "../model/glob.ts";
import { covers, grantAllows, type Grant } from "../model/grant.ts";
import { sharesSessions } from "./shared-sessions.ts";
import { subjectOf, type RoleSubject } from "../model/role-pattern.ts";
import { ruleOfGrant } from "../model/grant-label.ts";

/** Where a pod's session name comes from, and whether the pod may have it. */
export interface SessionNameDecision {
  /** For people: setting or annotation, and what allows the annotation's name. */
  readonly by: string;
  readonly findings: readonly Finding[];
}

/** What a session name is decided by. */
export interface SessionNameInput {
  readonly template: string;
  /** The annotation that the template is from; undefined if it is from the setting. */
  readonly key: string | undefined;
  /** Every role of the pod, since all its sessions have the one name. */
  readonly roles: readonly RoleArn[];
  readonly facts: Facts;
  readonly serviceAccount: string;
  readonly config: Pick<
    InjectorConfig,
    "source" | "shareSessions" | "baseRoleArn" | "sessionName" | "sessionNames"
  >;
}

/**
 * Session names are what CloudTrail and policies see of a pod, so a pod must not have a name that is another namespace's. A
 * namespace's name consists of a-z, 0-9 and dashes: a name that begins with it and any other character is no other
 * namespace's, whatever follows. Elsewhere in a template `{namespace}` proves nothing: `payments.{namespace}`.
 */
export function decideSessionName(input: SessionNameInput): SessionNameDecision {
  const { key, config } = input;
  if (key === undefined) {
    const setting = sharesSessions(config) ? "shareSessions" : "sessionName";
    return { by: `the setting ${setting}`, findings: [] };
  }
  const allowedBy = whatAllows(input);
  if (allowedBy !== undefined) return { by: `annotation ${key}, ${allowedBy}`, findings: [] };
  const message = `The annotation ${key} does not begin with {namespace} and a separator such as a dot, so in CloudTrail the session could pass for another namespace's.`;
  const remedy =
    "Begin it with {namespace}, as in {namespace}.{pod}, or ask a cluster admin to allow it by sessionNames of a RoleGrant for the role.";
  return {
    by: `annotation ${key}, which nothing allows`,
    findings: [finding("SESSION_NAME_FORBIDDEN", message, remedy)],
  };
}

const NAMES_ITS_NAMESPACE = /^\{namespace\}(?:[_+=,.@]|$)/;

function whatAllows({
  template,
  roles,
  facts,
  serviceAccount,
  config,
}: SessionNameInput): string | undefined {
  if (NAMES_ITS_NAMESPACE.test(template)) return "which begins with the namespace";
  if (template === config.sessionName) return "the same as the setting sessionName";
  if (config.sessionNames === "any") return "as the setting sessionNames allows";
  const grants = facts.grants.filter((grant) => covers(grant, facts.namespace, serviceAccount));
  const allowing = roles.map((role) =>
    grants.find((grant) => allows(grant, subjectOf(role, config.baseRoleArn), template)),
  );
  if (allowing.length === 0 || allowing.includes(undefined)) return undefined;
  const names = new Set(allowing.map((grant) => ruleOfGrant(grant?.name ?? "")));
  return `as ${[...names].join(", ")} allows`;
}

const allows = (grant: Grant, role: RoleSubject, template: string): boolean =>
  grantAllows(grant, role) && (grant.sessionNames ?? []).some((glob) => globMatches(glob, template));
