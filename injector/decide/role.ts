import { namedRole, type RoleArn } from "../model/arn.ts";
import type { Facts } from "../model/facts.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { finding, type Finding } from "../model/findings.ts";
import { serviceAccountOf, type Pod } from "../model/pod.ts";
import { annotation } from "../model/annotations.ts";
import { grantDefault } from "./grant-default.ts";

/** The pod's role and the source of its name; or no role; or a text that names no role. */
export type ResolvedRole =
  | {
      readonly kind: "role";
      readonly arn: RoleArn;
      readonly from: string;
      readonly findings: readonly Finding[];
    }
  | { readonly kind: "none" }
  | { readonly kind: "invalid"; readonly findings: readonly Finding[] };

/**
 * The first source that names a role decides: pod, service account, grant, namespace, cluster. A malformed name ends the
 * search: the next source's role would not be the one that was meant for this pod.
 */
export function resolveRole(
  pod: Pod,
  facts: Facts,
  config: Pick<InjectorConfig, "baseRoleArn" | "defaultRole" | "keys">,
): ResolvedRole {
  const serviceAccount = serviceAccountOf(pod);
  const { keys } = config;
  const onPod = annotation(pod.metadata?.annotations, keys.role);
  if (onPod !== undefined) return roleFromText(onPod, `annotation ${keys.role} of the pod`, config);

  const onAccount = annotation(facts.serviceAccount?.annotations, keys.serviceAccountRole);
  if (onAccount !== undefined) {
    const from = `annotation ${keys.serviceAccountRole} of service account ${serviceAccount}`;
    return roleFromText(onAccount, from, config);
  }

  const byGrant = grantDefault(facts, serviceAccount);
  if (byGrant !== undefined) {
    const { arn, grant, others } = byGrant;
    return { kind: "role", arn, from: `default of RoleGrant ${grant}`, findings: ambiguity(grant, others) };
  }

  const onNamespace = annotation(facts.namespace.annotations, keys.namespaceDefaultRole);
  if (onNamespace !== undefined) {
    const from = `annotation ${keys.namespaceDefaultRole} of namespace ${facts.namespace.name}`;
    const remedy = `Ask a cluster admin to correct it, or name a role in the annotation ${keys.role} of the pod.`;
    const resolved = roleFromText(onNamespace, from, config);
    return resolved.kind === "invalid"
      ? { ...resolved, findings: resolved.findings.map((found) => ({ ...found, remedy })) }
      : resolved;
  }
  if (config.defaultRole === undefined) return { kind: "none" };
  return { kind: "role", arn: config.defaultRole, from: "the setting defaultRole", findings: [] };
}

/** The role that a text names. */
export function roleFromText(
  raw: string,
  from: string,
  { baseRoleArn }: Pick<InjectorConfig, "baseRoleArn">,
): ResolvedRole {
  const named = namedRole(raw, baseRoleArn);
  const shown = JSON.stringify(raw.slice(0, 120));
  switch (named.kind) {
    case "arn":
      return { kind: "role", arn: named.arn, from, findings: [] };
    case "needs-base":
      return invalid(
        "ROLE_NEEDS_BASE_ARN",
        `The ${from} gives the name ${shown}, and the injector has no base ARN to complete it.`,
        "Write the full role ARN, or ask a cluster admin to set baseRoleArn in podrole-config.",
      );
    case "malformed":
      return invalid(
        "ROLE_MALFORMED",
        `The ${from} is ${shown}, which is not a role name, path/name or role ARN.`,
        "Write a name such as billing-reader or an ARN such as arn:aws:iam::111122223333:role/billing-reader.",
      );
  }
}

const invalid = (...[code, message, remedy]: Parameters<typeof finding>): ResolvedRole => ({
  kind: "invalid",
  findings: [finding(code, message, remedy)],
});

function ambiguity(grant: string, others: readonly string[]): readonly Finding[] {
  if (others.length === 0) return [];
  const message = `The default role comes from RoleGrant ${grant}, but other grants name one too: ${others.join(", ")}.`;
  return [
    finding("GRANT_DEFAULT_AMBIGUOUS", message, "Ask a cluster admin to keep `default` in only one of them."),
  ];
}
