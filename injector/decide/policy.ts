import { parseRoleArn, type RoleArn } from "../model/arn.ts";
import type { Facts } from "../model/facts.ts";
import type { InjectorConfig, PolicyMode } from "../config/installation.ts";
import { finding, type Finding } from "../model/findings.ts";
import { ruleOfGrant } from "../model/grant-label.ts";
import { covers, globMatches } from "../model/grant.ts";
import { anyMatches, patternCache, warmedUp } from "./pattern.ts";
import { annotation } from "../model/annotations.ts";

/** Whether a role may be used, and which rule said so. */
export type RoleDecision =
  | { readonly allowed: true; readonly rule: string; readonly findings: readonly Finding[] }
  | { readonly allowed: false; readonly findings: readonly Finding[] };

/** One thing that allows roles, read from where it stands. */
interface Rule {
  readonly name: string;
  readonly allows: (arn: RoleArn) => boolean;
}

const ENTRIES_MAX = 256;

/** Of a pure function, so it changes nothing but the time that a decision takes. */
const compile = warmedUp(patternCache(256));

/**
 * Decides by the namespace's annotations and the grants. Pure. A `Deny` grant wins over every rule; a rule that cannot be read
 * allows nothing, and counts as a rule: a namespace with a broken list is a restricted namespace, not a free one.
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
  const inForbidding = grants.find(
    ({ effect, roles }) => effect === "Deny" && roles.some((glob) => forbids(glob, arn)),
  );
  if (inForbidding !== undefined) {
    const remedy = `Use another role, or ask a cluster admin to change RoleGrant ${inForbidding.name}.`;
    return refused(
      "ROLE_DENIED_BY_GRANT",
      `RoleGrant ${inForbidding.name} denies ${arn} to ${who(facts, serviceAccount)}.`,
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
      ? "there is no rule for it"
      : `allowed are only: ${rules.map(({ name }) => name).join(", ")}`;
  const remedy =
    "Add the role to a RoleGrant that covers the namespace, or to the namespace's annotation " +
    `${config.keys.namespaceAllowedRoles}; \`podrole explain -f\` shows every rule that was looked at.`;
  return refused(
    "ROLE_NOT_ALLOWED",
    `${who(facts, serviceAccount)} may not use ${arn}: ${present}.`,
    remedy,
    mode,
    findings,
  );
}

/** IAM takes two names that differ in case alone for one: what is denied is denied in every spelling. */
const forbids = (glob: string, arn: RoleArn): boolean => globMatches(glob.toLowerCase(), arn.toLowerCase());

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

const grantRule = ({ name, roles, default: fallback }: Facts["grants"][number]): Rule => ({
  name: ruleOfGrant(name),
  allows: (arn) => arn === fallback || roles.some((glob) => globMatches(glob, arn)),
});

/** kube2iam's list and kiam's expression. What cannot be read is reported, and stands as a rule that allows nothing. */
function annotationRules(
  arn: RoleArn,
  { namespace }: Facts,
  config: Pick<InjectorConfig, "allowedRolesFormat" | "baseRoleArn" | "keys">,
  findings: Finding[],
): readonly Rule[] {
  const rule = (key: string, allows: (raw: string) => boolean): readonly Rule[] => {
    const raw = annotation(namespace.annotations, key);
    if (raw === undefined) return [];
    const name = `annotation ${key}`;
    try {
      const allowed = allows(raw);
      return [{ name, allows: () => allowed }];
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const message = `The annotation ${key} of namespace ${namespace.name} allows nothing: ${why.slice(0, 200)}.`;
      findings.push(finding("POLICY_RULE_INVALID", message, "Correct the annotation."));
      return [{ name: `${name} (unreadable)`, allows: () => false }];
    }
  };
  const asGlobs = config.allowedRolesFormat === "glob";
  return [
    ...rule(config.keys.namespaceAllowedRoles, (raw) =>
      (asGlobs ? globsAllow : expressionsAllow)(entriesOf(raw), arn, config.baseRoleArn ?? ""),
    ),
    ...rule(config.keys.namespacePermitted, (raw) => anyMatches([{ text: raw, subject: arn }], compile)),
  ];
}

/** As kube2iam does: an entry that is no ARN is meant under the base ARN, so that `*` is not every account's roles. */
const globsAllow = (entries: readonly string[], arn: RoleArn, base: string): boolean =>
  entries.some((entry) =>
    globMatches(entry.startsWith("arn:") ? entry : base + entry.replace(/^\//, ""), arn),
  );

/**
 * The same for expressions, each of the whole ARN or nothing: unanchored, `role/dev` would let `role/dev-admin` through,
 * which kube2iam does. What is meant under the base is held against what follows the base: put together with it, an
 * expression could get out of the brackets.
 */
function expressionsAllow(entries: readonly string[], arn: RoleArn, base: string): boolean {
  const name = arn.startsWith(base) ? arn.slice(base.length) : undefined;
  const questions = entries.map((text) =>
    /^\^?arn:/.test(text) ? { text, subject: arn } : { text: text.replace(/^[/^]/, ""), subject: name },
  );
  return anyMatches(questions, compile);
}

function entriesOf(raw: string): readonly string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(raw);
  } catch {
    parsed = undefined;
  }
  if (!Array.isArray(parsed) || !parsed.every((entry) => typeof entry === "string")) {
    throw new Error("it is not a JSON array of strings");
  }
  if (parsed.length > ENTRIES_MAX) throw new Error(`it has more than ${ENTRIES_MAX} entries`);
  return parsed;
}

/** What the grants name as the role of pods that name none, the first by name where several do. */
export function grantDefault(
  facts: Facts,
  serviceAccount: string,
): { readonly arn: RoleArn; readonly grant: string; readonly others: readonly string[] } | undefined {
  const candidates = facts.grants
    .filter((grant) => grant.effect === "Allow" && covers(grant, facts.namespace, serviceAccount))
    .flatMap(({ name, default: raw }) => {
      const arn = raw === undefined ? undefined : parseRoleArn(raw);
      return arn === undefined ? [] : [{ arn, grant: name }];
    })
    .sort((a, b) => (a.grant < b.grant ? -1 : 1));
  const [first, ...others] = candidates;
  return first && { ...first, others: others.map(({ grant }) => grant) };
}
