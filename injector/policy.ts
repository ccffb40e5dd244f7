import { RE2JS } from "re2js";
import { ANNOTATION } from "../sidecar/contract.ts";
import { parseRoleArn, type RoleArn } from "./arn.ts";
import type { Facts } from "./cluster.ts";
import type { InjectorConfig, PolicyMode } from "./config.ts";
import { finding, type Finding } from "./findings.ts";
import { covers, globMatches } from "./grant.ts";

/** Whether a role may be used, and which rule said so. */
export type Verdict =
  | { readonly allowed: true; readonly rule: string; readonly findings: readonly Finding[] }
  | { readonly allowed: false; readonly findings: readonly Finding[] };

/** One thing that allows roles, read from where it stands. */
interface Rule {
  readonly name: string;
  readonly allows: (arn: RoleArn) => boolean;
}

/** Compiling and matching take time in proportion to the pattern: RE2 is linear, so a bound on its length bounds both. */
const PATTERN_MAX = 1024;
const PATTERNS_MAX = 256;
const ALL_PATTERNS_MAX = 4096;
const PROGRAM_MAX = 1280;

/**
 * Decides by the rules of design section 4. Pure. A `Deny` grant wins over every rule; a rule that cannot be read
 * allows nothing, and counts as a rule: a namespace with a broken list is a restricted namespace, not a free one.
 * @param serviceAccount name of the pod's service account
 */
export function judge(
  arn: RoleArn,
  facts: Facts,
  serviceAccount: string,
  mode: PolicyMode,
  config: Pick<InjectorConfig, "allowedRolesFormat" | "baseRoleArn" | "defaultRole">,
): Verdict {
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
    ...annotationRules(facts, config, findings),
    ...grants.filter(({ effect }) => effect === "Allow").map(grantRule),
  ];
  const rule = rules.find(({ allows }) => allows(arn));
  if (rule !== undefined) return { allowed: true, rule: rule.name, findings };
  if (arn === config.defaultRole) return { allowed: true, rule: "the injector's --default-role", findings };
  if (mode === "listed" && rules.length === 0) {
    return { allowed: true, rule: "no rule is set here, so the IAM trust policy decides", findings };
  }

  const present =
    rules.length === 0
      ? "there is no rule for it"
      : `allowed are only: ${rules.map(({ name }) => name).join(", ")}`;
  const remedy =
    "Add the role to a RoleGrant that covers the namespace, or to the namespace's annotation " +
    `${ANNOTATION.namespaceAllowedRoles}; \`podrole inject -f\` with the namespace in the same input tries it out.`;
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
): Verdict {
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
  name: `RoleGrant ${name}`,
  allows: (arn) => arn === fallback || roles.some((glob) => globMatches(glob, arn)),
});

/** kube2iam's list and kiam's expression. What cannot be read is reported, and stands as a rule that allows nothing. */
function annotationRules(
  { namespace }: Facts,
  config: Pick<InjectorConfig, "allowedRolesFormat" | "baseRoleArn">,
  findings: Finding[],
): readonly Rule[] {
  const rule = (key: string, compile: (raw: string) => (arn: RoleArn) => boolean): readonly Rule[] => {
    const raw = Object.hasOwn(namespace.annotations, key) ? namespace.annotations[key] : undefined;
    if (raw === undefined) return [];
    const name = `annotation ${key}`;
    try {
      return [{ name, allows: compile(raw) }];
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const message = `The annotation ${key} of namespace ${namespace.name} allows nothing: ${why.slice(0, 200)}.`;
      findings.push(finding("POLICY_RULE_INVALID", message, "Correct the annotation."));
      return [{ name: `${name} (unreadable)`, allows: () => false }];
    }
  };
  // As kube2iam does: an entry that is no ARN is meant under the base ARN, so that `*` is not every account's roles.
  const base = config.baseRoleArn ?? "";
  const glob = (entry: string) => {
    const pattern = entry.startsWith("arn:") ? entry : base + entry.replace(/^\//, "");
    return (arn: RoleArn) => globMatches(pattern, arn);
  };
  const expression = (entry: string) => {
    if (/^\^?arn:/.test(entry)) return anchored(entry);
    const name = entry.replace(/^[/^]/, "");
    // Alone first: `x)|(?:.*` is no expression, and put between our brackets it would match past the base.
    compiled(name);
    return anchored(`${RE2JS.quote(base)}(?:${name})`);
  };
  return [
    ...rule(ANNOTATION.namespaceAllowedRoles, (raw) => {
      const entries = stringList(raw);
      const asGlobs = config.allowedRolesFormat === "glob";
      if (!asGlobs && entries.join("").length > ALL_PATTERNS_MAX) {
        throw new Error(`its expressions are longer than ${ALL_PATTERNS_MAX} characters together`);
      }
      const matchers = entries.map(asGlobs ? glob : expression);
      return (arn) => matchers.some((matches) => matches(arn));
    }),
    ...rule(ANNOTATION.namespacePermitted, (raw) => anchored(raw)),
  ];
}

function stringList(raw: string): readonly string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(raw);
  } catch {
    parsed = undefined;
  }
  if (!Array.isArray(parsed) || !parsed.every((entry) => typeof entry === "string")) {
    throw new Error("it is not a JSON array of strings");
  }
  if (parsed.length > PATTERNS_MAX) throw new Error(`it has more than ${PATTERNS_MAX} entries`);
  return parsed;
}

/** The whole ARN or nothing: unanchored, `role/dev` would let `role/dev-admin` through, which kube2iam does. */
function anchored(pattern: string): (arn: RoleArn) => boolean {
  const expression = compiled(pattern);
  return (arn) => expression.matches(arn);
}

function compiled(pattern: string): RE2JS {
  if (pattern.length > PATTERN_MAX) {
    throw new Error(`the expression is longer than ${PATTERN_MAX} characters`);
  }
  if (unrolled(pattern) > PROGRAM_MAX) throw new Error("the expression repeats too much");
  return RE2JS.compile(pattern);
}

/**
 * No less than the steps a pattern compiles to: RE2 writes a counted repetition out, `.{0,999}` as a thousand optional
 * dots, and the count of a group multiplies what is in it. 1 KB of such text took 0.7 s to compile and match.
 */
function unrolled(pattern: string): number {
  let [size, times] = [pattern.length, 1];
  for (const [, group, least, most] of pattern.matchAll(/(\)?)\{(\d+)(?:,(\d*))?\}/g)) {
    const count = Number(most || least);
    if (group === ")") times *= Math.max(1, count);
    else size += count;
  }
  return size * times;
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
