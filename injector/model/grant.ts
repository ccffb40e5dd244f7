import { CodedError } from "../../sidecar/kit/errors.ts";
import { parseRoleArn } from "./arn.ts";
import { isRecord, own, stringMap, strings, type Fields } from "./read.ts";

export type Effect = "Allow" | "Deny";

/** A label selector as Kubernetes writes it (meta/v1 LabelSelector). */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
    readonly values?: readonly string[];
  }[];
}

/** A cluster-scoped RoleGrant, `podrole.dev/v1alpha1`: which namespaces and service accounts may use which roles. */
export interface Grant {
  readonly name: string;
  readonly effect: Effect;
  /** Globs over role ARNs. */
  readonly roles: readonly string[];
  /** Names or globs. One of this and the selector is set; with neither the grant covers no namespace. */
  readonly namespaces?: readonly string[];
  readonly namespaceSelector?: LabelSelector;
  /** Names or globs; all of them where absent. */
  readonly serviceAccounts?: readonly string[];
  /** The role to use when a pod names none; allowed by the grant itself. */
  readonly default?: string;
}

/**
 * `*` stands for any run of characters, slashes included; everything else for itself, as in kube2iam.
 * Linear in both: a tenant's pattern must not be able to stall the server.
 */
export function globMatches(pattern: string, subject: string): boolean {
  const [head = "", ...rest] = pattern.split("*");
  const tail = rest.pop();
  if (tail === undefined) return pattern === subject;
  if (subject.length < head.length + tail.length || !subject.startsWith(head) || !subject.endsWith(tail))
    return false;
  let from = head.length;
  const end = subject.length - tail.length;
  for (const part of rest) {
    const at = subject.indexOf(part, from);
    if (at === -1 || at + part.length > end) return false;
    from = at + part.length;
  }
  return true;
}

/** Whether the grant speaks about pods of this namespace and service account at all. */
export function covers(
  grant: Grant,
  namespace: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
  serviceAccount: string,
): boolean {
  const inNamespace =
    grant.namespaces?.some((glob) => globMatches(glob, namespace.name)) === true ||
    (grant.namespaceSelector !== undefined && selects(grant.namespaceSelector, namespace.labels));
  return inNamespace && (grant.serviceAccounts?.some((glob) => globMatches(glob, serviceAccount)) ?? true);
}

/** An empty selector selects everything, as everywhere in Kubernetes. */
export function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const value = (key: string): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  const byLabels = Object.entries(selector.matchLabels ?? {}).every(([key, wanted]) => value(key) === wanted);
  return (
    byLabels &&
    (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const actual = value(key);
      switch (operator) {
        case "In":
          return actual !== undefined && values.includes(actual);
        case "NotIn":
          return actual === undefined || !values.includes(actual);
        case "Exists":
          return actual !== undefined;
        case "DoesNotExist":
          return actual === undefined;
      }
    })
  );
}

/**
 * A RoleGrant object as the API server or a file holds it.
 * @throws CodedError `GRANT_INVALID`: a grant that cannot be read must not be passed over, it may be a Deny
 */
export function parseGrant(object: Fields): Grant {
  const metadata = own(object, "metadata");
  const name = isRecord(metadata) ? own(metadata, "name") : undefined;
  const spec = own(object, "spec");
  if (typeof name !== "string" || !isRecord(spec))
    throw invalid("(unnamed)", "has no metadata.name or no spec");
  const unknown = Object.keys(spec).find((key) => !SPEC_FIELDS.has(key));
  // Passed over, `serviceAccount` for `serviceAccounts` would grant the role to every service account.
  if (unknown !== undefined) throw invalid(name, `has the unknown field spec.${unknown.slice(0, 80)}`);
  const list = (key: string): readonly string[] | undefined => {
    const value = own(spec, key);
    if (value === undefined || value === null) return undefined;
    if (!Array.isArray(value) || strings(value).length !== value.length)
      throw invalid(name, `spec.${key} is not a list of strings`);
    return strings(value);
  };
  const effect = own(spec, "effect") ?? "Allow";
  if (effect !== "Allow" && effect !== "Deny") throw invalid(name, "spec.effect is neither Allow nor Deny");
  const fallback = own(spec, "default") ?? undefined;
  if (fallback !== undefined && (typeof fallback !== "string" || parseRoleArn(fallback) === undefined)) {
    throw invalid(name, "spec.default is no role ARN");
  }
  const [roles = [], namespaces, serviceAccounts] = [
    list("roles"),
    list("namespaces"),
    list("serviceAccounts"),
  ];
  const selector = own(spec, "namespaceSelector");
  const namespaceSelector =
    selector === undefined || selector === null ? undefined : parseSelector(selector, name);
  if (namespaces === undefined && namespaceSelector === undefined) {
    throw invalid(name, "names neither spec.namespaces nor spec.namespaceSelector");
  }
  return {
    name,
    effect,
    roles,
    ...(namespaces === undefined ? {} : { namespaces }),
    ...(namespaceSelector === undefined ? {} : { namespaceSelector }),
    ...(serviceAccounts === undefined ? {} : { serviceAccounts }),
    ...(fallback === undefined ? {} : { default: fallback }),
  };
}

const SPEC_FIELDS: ReadonlySet<string> = new Set([
  "roles",
  "namespaces",
  "namespaceSelector",
  "serviceAccounts",
  "default",
  "effect",
]);
const OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"] as const;

function parseSelector(selector: unknown, grant: string): LabelSelector {
  const at = "spec.namespaceSelector";
  if (!isRecord(selector)) throw invalid(grant, `${at} is not an object`);
  const unknown = Object.keys(selector).filter((key) => key !== "matchLabels" && key !== "matchExpressions");
  // An unknown key dropped in silence would leave the empty selector, which selects every namespace.
  if (unknown.length > 0) throw invalid(grant, `${at} has the unknown field ${unknown[0]}`);
  const labels = own(selector, "matchLabels") ?? {};
  if (!isRecord(labels) || !Object.values(labels).every((value) => typeof value === "string")) {
    throw invalid(grant, `${at}.matchLabels is not a map of strings`);
  }
  const expressions = own(selector, "matchExpressions") ?? [];
  if (!Array.isArray(expressions)) throw invalid(grant, `${at}.matchExpressions is not a list`);
  const matchExpressions = expressions.map((entry: unknown) => {
    const key = isRecord(entry) ? own(entry, "key") : undefined;
    const operator = isRecord(entry)
      ? OPERATORS.find((known) => known === own(entry, "operator"))
      : undefined;
    if (!isRecord(entry) || typeof key !== "string" || operator === undefined) {
      throw invalid(grant, `${at}.matchExpressions holds an entry without key or operator`);
    }
    const raw = own(entry, "values") ?? [];
    const values = strings(raw);
    const wanting = (operator === "In" || operator === "NotIn") && values.length === 0;
    // NotIn with no values would select every namespace.
    if (!Array.isArray(raw) || values.length !== raw.length || wanting) {
      throw invalid(
        grant,
        `${at}.matchExpressions has ${operator} for ${key} without values that are strings`,
      );
    }
    return { key, operator, values };
  });
  return { matchLabels: stringMap(labels), matchExpressions };
}

const invalid = (name: string, why: string): CodedError =>
  new CodedError("GRANT_INVALID", `RoleGrant ${name} ${why}.`, { remedy: "Correct the grant." });
