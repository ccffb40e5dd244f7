import { CodedError } from "../../sidecar/kit/errors.ts";
import { parseRoleArn } from "./arn.ts";
import { isRecord, own, strings, type Fields } from "./read.ts";
import { type Glob, globMatches, globOf } from "./glob.ts";
import { type LabelSelector, selects, parseSelector } from "./label-selector.ts";
import {
  allowedPattern,
  allowsRole,
  deniedPattern,
  deniesRole,
  NEEDS_BASE,
  whyNever,
  type RolePattern,
  type RoleSubject,
} from "./role-pattern.ts";

export type Effect = "Allow" | "Deny";

/** A cluster-scoped RoleGrant, `podrole.dev/v1alpha1`: which namespaces and service accounts may use which roles. */
export interface Grant {
  readonly name: string;
  readonly effect: Effect;
  readonly roles: readonly RolePattern[];
  /** One of this and the selector is set; with neither the grant covers no namespace. */
  readonly namespaces?: readonly Glob[];
  readonly namespaceSelector?: LabelSelector;
  /** All of them where absent. */
  readonly serviceAccounts?: readonly Glob[];
  /** The role to use when a pod names none; allowed by the grant itself. */
  readonly default?: string;
  /** Patterns for templates of session names that pods with these roles may have beside those that name their namespace. */
  readonly sessionNames?: readonly Glob[];
}

interface Named {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Whether the grant is about pods of this namespace, of whatever service account. */
export const coversNamespace = ({ namespaces, namespaceSelector }: Grant, { name, labels }: Named): boolean =>
  namespaces?.some((glob) => globMatches(glob, name)) === true ||
  (namespaceSelector !== undefined && selects(namespaceSelector, labels));

/** Whether the grant is about pods of this namespace and service account. */
export const covers = (grant: Grant, namespace: Named, serviceAccount: string): boolean =>
  coversNamespace(grant, namespace) &&
  (grant.serviceAccounts?.some((glob) => globMatches(glob, serviceAccount)) ?? true);

/** Whether the grant allows the role to the pods that it covers. */
export const grantAllows = ({ effect, roles, default: fallback }: Grant, role: RoleSubject): boolean =>
  effect === "Allow" && (role.arn === fallback || roles.some((pattern) => allowsRole(pattern, role)));

/** Whether the grant denies the role to the pods that it covers. `role` is in any case: see {@link inAnyCase}. */
export const grantDenies = ({ effect, roles }: Grant, role: RoleSubject): boolean =>
  effect === "Deny" && roles.some((pattern) => deniesRole(pattern, role));

/** What of a grant that can be read can never match, each to go on after the grant's name. */
export function neverMatching(
  { effect, roles, default: fallback, serviceAccounts }: Grant,
  hasBase: boolean,
): readonly string[] {
  return [
    ...(serviceAccounts?.length === 0
      ? ["covers no service account, since spec.serviceAccounts is empty"]
      : []),
    ...(roles.length === 0 && fallback === undefined
      ? [`${effect === "Deny" ? "denies" : "allows"} nothing, since spec.roles is empty`]
      : []),
    ...roles.flatMap((pattern) => {
      const why = whyNever(pattern, hasBase);
      if (why === undefined) return [];
      // A Deny is applied as far as it can be.
      const yet =
        effect === "Deny" && why === NEEDS_BASE
          ? ": until it is set, podrole denies the name in every account, with no path before it"
          : "";
      return [`has ${JSON.stringify(pattern.glob.text)} in spec.roles, which ${why}${yet}`];
    }),
  ];
}

/**
 * A RoleGrant object as the API server or a file holds it.
 * @throws CodedError `GRANT_INVALID`: a grant that cannot be read must not be ignored, since it may be a Deny
 */
export function parseGrant(object: Fields): Grant {
  const metadata = own(object, "metadata");
  const name = isRecord(metadata) ? own(metadata, "name") : undefined;
  const spec = own(object, "spec");
  if (typeof name !== "string" || !isRecord(spec))
    throw invalid("(unnamed)", "has no metadata.name or no spec");
  const unknown = Object.keys(spec).find((key) => !GRANT_FIELDS.has(key));
  // If ignored, `serviceAccount` for `serviceAccounts` would grant the role to every service account.
  if (unknown !== undefined) throw invalid(name, `has the unknown field spec.${unknown.slice(0, 80)}`);
  const list = (key: string): readonly string[] | undefined => {
    const value = own(spec, key);
    if (value === undefined || value === null) return undefined;
    if (!Array.isArray(value) || strings(value).length !== value.length)
      throw invalid(name, `has a spec.${key} that is not a list of strings`);
    return strings(value);
  };
  const effect = own(spec, "effect") ?? "Allow";
  if (effect !== "Allow" && effect !== "Deny")
    throw invalid(name, "has a spec.effect other than Allow and Deny");
  const fallback = own(spec, "default") ?? undefined;
  if (fallback !== undefined && (typeof fallback !== "string" || parseRoleArn(fallback) === undefined)) {
    throw invalid(name, "has a spec.default that is not a role ARN");
  }
  const [roles = [], namespaces, serviceAccounts, sessionNames] = [
    list("roles"),
    list("namespaces"),
    list("serviceAccounts"),
    list("sessionNames"),
  ];
  // A list of names that are forbidden would be no protection: all others would still be allowed.
  if (effect === "Deny" && sessionNames !== undefined)
    throw invalid(name, "has effect Deny and spec.sessionNames, which only allow names");
  const selector = own(spec, "namespaceSelector");
  const namespaceSelector =
    selector === undefined || selector === null
      ? undefined
      : parseSelector(selector, "spec.namespaceSelector", (why) => invalid(name, why));
  if (namespaces === undefined && namespaceSelector === undefined) {
    throw invalid(name, "has neither spec.namespaces nor spec.namespaceSelector");
  }
  return {
    name,
    effect,
    roles: roles.map(effect === "Deny" ? deniedPattern : allowedPattern),
    ...(namespaces === undefined ? {} : { namespaces: namespaces.map(globOf) }),
    ...(namespaceSelector === undefined ? {} : { namespaceSelector }),
    ...(serviceAccounts === undefined ? {} : { serviceAccounts: serviceAccounts.map(globOf) }),
    ...(fallback === undefined ? {} : { default: fallback }),
    ...(sessionNames === undefined ? {} : { sessionNames: sessionNames.map(globOf) }),
  };
}

/** The fields of a RoleGrant's spec. */
export const GRANT_FIELDS: ReadonlySet<string> = new Set([
  "roles",
  "namespaces",
  "namespaceSelector",
  "serviceAccounts",
  "default",
  "effect",
  "sessionNames",
]);
const invalid = (name: string, why: string): CodedError =>
  new CodedError("GRANT_INVALID", `RoleGrant ${name} ${why}.`, {
    remedy: "Correct the grant, or ask a cluster admin to.",
  });
