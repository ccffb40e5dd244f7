import { ANNOTATION, CONTAINER_ROLE_PREFIX } from "../../sidecar/contract/annotations.ts";
import { IDENTITIES_MAX } from "../../sidecar/contract/session.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { exposes } from "./exposure.ts";
import { userContainers } from "../model/user-containers.ts";
import { finding, type Finding } from "../model/findings.ts";
import type { Pod } from "../model/pod.ts";
import { roleFromText, type ResolvedRole } from "./role.ts";

/** A role that an annotation gives one container of the pod. */
export interface ContainerRole {
  readonly container: string;
  readonly resolved: Extract<ResolvedRole, { kind: "role" }>;
}

/**
 * The annotations `podrole.dev/role.<container>` of a pod, by the container they name. A key may hold anything. Sorted by
 * key, as the API server sorts them: in a manifest's own order the same pod would get another sidecar.
 */
export const containerRoleKeys = (pod: Pod): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(pod.metadata?.annotations ?? {})
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([key, value]): [string, string][] =>
        key.startsWith(CONTAINER_ROLE_PREFIX) && value != null
          ? [[key.slice(CONTAINER_ROLE_PREFIX.length), value]]
          : [],
      ),
  );

/** Each invalid one denies the pod: without it, a container would run with another role or with none. */
export function containerRoles(
  pod: Pod,
  config: Pick<InjectorConfig, "baseRoleArn" | "keys">,
): { readonly roles: readonly ContainerRole[]; readonly findings: readonly Finding[] } {
  const given = containerRoleKeys(pod);
  const most = IDENTITIES_MAX - 1;
  if (given.size > most) {
    const message = `The pod gives ${given.size} containers their own roles, and each role needs its own session.`;
    const remedy = `Give at most ${most} containers a role, and let the others share the pod's role.`;
    return { roles: [], findings: [finding("ANNOTATION_INVALID", message, remedy)] };
  }
  const names = userContainers(pod).map(({ name }) => name);
  const exposed = exposes(pod, config.keys);
  const roles: ContainerRole[] = [];
  const findings: Finding[] = [];
  for (const [container, raw] of given) {
    const key = `${CONTAINER_ROLE_PREFIX}${container.slice(0, 80)}`;
    if (!names.includes(container)) {
      const message = `The annotation ${key} names no container of the pod.`;
      const remedy = `Name one of the pod's containers: ${names.join(", ").slice(0, 400)}.`;
      findings.push(finding("CONTAINER_UNKNOWN", message, remedy));
    } else if (!exposed(container)) {
      const message = `The annotation ${key} gives a role to a container that gets no credentials, because of ${ANNOTATION.containers} or ${ANNOTATION.skipContainers}.`;
      findings.push(finding("ANNOTATION_INVALID", message, "Remove one of the two from the pod."));
    } else {
      const resolved = roleFromText(raw, `annotation ${key} of the pod`, config);
      if (resolved.kind === "role") roles.push({ container, resolved });
      if (resolved.kind === "invalid") findings.push(...resolved.findings);
    }
  }
  return { roles, findings };
}
