import { messageOf } from "../../sidecar/kit/errors.ts";
import type { RoleArn } from "../model/arn.ts";
import { warmedUp, patternCache, anyMatches } from "./pattern.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { type Finding, finding } from "../model/findings.ts";
import { annotation } from "../model/annotations.ts";
import type { Facts } from "../model/facts.ts";
import { globMatches, globOf } from "../model/glob.ts";

/** A rule that allows roles: an annotation or a grant. */
export interface Rule {
  readonly name: string;
  /** Its name for the pod's author, who does not know what it belongs to. */
  readonly label: string;
  readonly allows: (arn: RoleArn) => boolean;
  /** Roles and patterns that it allows, for people. */
  readonly roles: () => readonly string[];
}

/** What a namespace's annotations can hold of role ARNs, and no more: each entry is looked at in each decision. */
const ENTRIES_MAX = 10_000;

/** Caches a pure function, so it changes only the time that a decision takes. */
const compile = warmedUp(patternCache(512));

/** Rules of kube2iam's list and kiam's expression. A rule that cannot be read is reported and allows nothing. */
export function annotationRules(
  arn: RoleArn,
  { namespace }: Facts,
  config: Pick<InjectorConfig, "allowedRolesFormat" | "baseRoleArn" | "keys">,
  findings: Finding[],
): readonly Rule[] {
  const rule = (
    key: string,
    read: (raw: string) => { readonly allowed: boolean; readonly roles: readonly string[] },
  ): readonly Rule[] => {
    const raw = annotation(namespace.annotations, key);
    if (raw === undefined) return [];
    const name = `annotation ${key}`;
    const label = `${name} of namespace ${namespace.name}`;
    try {
      const { allowed, roles } = read(raw);
      return [{ name, label, allows: () => allowed, roles: () => roles }];
    } catch (error) {
      const why = messageOf(error);
      const message = `The annotation ${key} of namespace ${namespace.name} allows nothing: ${why.slice(0, 200)}.`;
      findings.push(finding("POLICY_RULE_INVALID", message, "Ask a cluster admin to correct it."));
      return [{ name, label: `${label} (unreadable)`, allows: () => false, roles: () => [] }];
    }
  };
  const [base, asGlobs] = [config.baseRoleArn ?? "", config.allowedRolesFormat === "glob"];
  return [
    ...rule(config.keys.namespaceAllowedRoles, (raw) => {
      const entries = entriesOf(raw);
      return asGlobs ? byGlobs(entries.map(withBase(base)), arn) : byExpressions(entries, arn, base);
    }),
    ...rule(config.keys.namespacePermitted, (raw) => ({
      allowed: anyMatches([{ text: raw, subject: arn }], arn, compile),
      roles: [raw],
    })),
  ];
}

/** As in kube2iam, an entry other than an ARN is relative to the base ARN, so that `*` does not cover every account's roles. */
const withBase =
  (base: string) =>
  (entry: string): string =>
    entry.startsWith("arn:") ? entry : base + entry.replace(/^\//, "");

const byGlobs = (roles: readonly string[], arn: RoleArn) => ({
  allowed: roles.some((entry) => globMatches(globOf(entry), arn)),
  roles,
});

/**
 * The same for expressions, each anchored at both ends: unanchored, as in kube2iam, `role/dev` would allow
 * `role/dev-admin`. A relative expression is compared with what follows the base ARN: joined with the base, it could
 * close the base's group.
 */
function byExpressions(roles: readonly string[], arn: RoleArn, base: string) {
  const name = arn.startsWith(base) ? arn.slice(base.length) : undefined;
  const questions = roles.map((text) =>
    /^\^?arn:/.test(text) ? { text, subject: arn } : { text: text.replace(/^[/^]/, ""), subject: name },
  );
  return { allowed: anyMatches(questions, arn, compile), roles };
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
