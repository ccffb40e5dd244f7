import { RE2JS } from "re2js";
import { messageOf } from "../../../../sidecar/kit/errors.ts";
import { globMatches, globOf } from "../../../model/glob.ts";

/**
 * How kube2iam and kiam decide by a namespace's annotation, which is not how podrole reads it: kube2iam anchors no expression, and kiam
 * puts `^` and `$` around the text of its expression. Sources: `checkRoleForNamespace` in kube2iam's mappings/mapper.go, and
 * `NamespacePermittedRoleNamePolicy` in kiam's pkg/server/policy.go. A golden file holds what these answer.
 */
export interface RuleAnswer {
  readonly allows: boolean;
  /** Why the rule, or a part of it, cannot be read; clauses. */
  readonly problems: readonly string[];
}

/** @param completed the role's ARN of a name, as kube2iam makes it */
export function kube2iamAllows(
  annotation: string | undefined,
  arn: string,
  format: "glob" | "regexp",
  completed: (name: string) => string,
): RuleAnswer {
  const { entries, problems } = kube2iamEntries(annotation);
  const found: string[] = [...problems];
  const allows = entries.map(completed).some((pattern) => {
    if (format === "glob") return globMatches(globOf(pattern), arn);
    const matched = finds(pattern, arn);
    if (typeof matched === "boolean") return matched;
    found.push(matched.why);
    return false;
  });
  return { allows, problems: found };
}

/** Go puts an empty text where an entry is no text, and with format `regexp` that is an expression that allows every role of the base. */
export function kube2iamEntries(annotation: string | undefined): {
  readonly entries: readonly string[];
  readonly problems: readonly string[];
} {
  if (annotation === undefined || annotation === "") return { entries: [], problems: [] };
  let parsed: unknown;
  try {
    parsed = JSON.parse(annotation);
  } catch {
    return { entries: [], problems: ["it is no JSON"] };
  }
  if (parsed === null) return { entries: [], problems: [] };
  if (!Array.isArray(parsed)) return { entries: [], problems: ["it is no JSON array"] };
  const entries = parsed.map((one: unknown) => (typeof one === "string" ? one : ""));
  const isText = parsed.every((one: unknown) => typeof one === "string" || one === null);
  return { entries, problems: isText ? [] : ["an entry of it is no text"] };
}

/** @param strict whether kiam puts the expression between `^` and `$`, as it does since version 4 */
export function kiamAllows(expression: string | undefined, arn: string, strict: boolean): RuleAnswer {
  if (expression === undefined || expression === "") return { allows: false, problems: [] };
  const matched = finds(strict ? `^${expression}$` : expression, arn);
  if (typeof matched === "boolean") return { allows: matched, problems: [] };
  return { allows: false, problems: [matched.why] };
}

function finds(expression: string, subject: string): boolean | { readonly why: string } {
  try {
    return RE2JS.compile(expression).matcher(subject).find();
  } catch (error) {
    return { why: messageOf(error).slice(0, 200) };
  }
}
