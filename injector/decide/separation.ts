import type { GuardMode } from "../../sidecar/contract/env.ts";
import { finding, type Finding } from "../model/findings.ts";
import type { Container, Pod } from "../model/pod.ts";
import { userContainers } from "../model/user-containers.ts";
import { OWN_NETWORK } from "./baseline/capabilities.ts";
import type { SidecarIntent } from "./intent.ts";

/**
 * Warns where containers of the pod may have different roles and one of them can become the sidecar's uid: it could then
 * end the sidecar, listen at its port, and be sent the token of another container (deploy/docs/security.md). Without a
 * guard in mode `block`, which keeps the ports for that uid, every container can listen there once the sidecar has ended. Only a
 * warning: many images start as root and change to another user, which takes SETUID.
 */
export function notSeparated(
  pod: Pod,
  guard: GuardMode | undefined,
  { identities }: Pick<SidecarIntent, "identities">,
): readonly Finding[] {
  const able = besideOtherRoles(runTogether(pod), identities)
    .filter((one) => guard !== "block" || canBecomeAnyUid(one, pod))
    .map(({ name }) => JSON.stringify(name));
  if (able.length === 0) return [];
  const who = `Container${able.length === 1 ? "" : "s"} ${able.join(", ").slice(0, 400)}`;
  const what = "get the credentials of a container that has another role";
  const [message, remedy] =
    guard === "block"
      ? [
          `${who} can become the sidecar's uid, and so ${what}.`,
          "Set allowPrivilegeEscalation to false there, and drop SETUID or set runAsNonRoot to true.",
        ]
      : [
          `${who} can listen at the sidecar's port while it restarts, and so ${what}: only the guard's mode block keeps the port.`,
          "Ask a cluster admin for that mode, or give all containers of the pod the same role.",
        ];
  return [finding("CONTAINERS_NOT_SEPARATED", message, remedy)];
}

/**
 * Denies capabilities of the pod's network, which a container may have where there is no guard: it could read what a
 * neighbour with another role sends to the sidecar, and with NET_ADMIN lead it elsewhere, even after it has ended.
 */
export const eavesdropping = (
  pod: Pod,
  { identities }: Pick<SidecarIntent, "identities">,
): readonly Finding[] =>
  besideOtherRoles(userContainers(pod), identities).flatMap(({ name, securityContext }) =>
    (securityContext?.capabilities?.add ?? [])
      .filter((added) => OWN_NETWORK.includes(added))
      .map((added) =>
        finding(
          "CAPABILITY_FORBIDDEN",
          `Container ${JSON.stringify(name)} adds the capability ${added}, and so could get the credentials of a container that has another role.`,
          `Remove ${added} from securityContext.capabilities.add, or give all containers of the pod the same role.`,
        ),
      ),
  );

/** Those of the containers beside which another one has a role that they have not. */
function besideOtherRoles(
  together: readonly Container[],
  identities: SidecarIntent["identities"],
): readonly Container[] {
  const identityOf = new Map(
    identities.flatMap(({ name, containers }) =>
      containers.map((container): [string, string] => [container, name]),
    ),
  );
  const held = new Set(together.map(({ name }) => identityOf.get(name)));
  held.delete(undefined);
  return together.filter(({ name }) => held.size > (held.has(identityOf.get(name)) ? 1 : 0));
}

/** An init container has ended before the others start, unless one of them runs on as a native sidecar. */
const runTogether = (pod: Pod): readonly Container[] => {
  const all = userContainers(pod);
  return all.some((one) => one["restartPolicy"] === "Always") ? all : pod.spec.containers;
};

/**
 * Whether a process of the container can take a uid that nobody gave it: by SETUID, or by a program in its image that is
 * owned by that uid or by root and carries the setuid bit. Without SETUID, root still makes such a program, with CHOWN.
 */
function canBecomeAnyUid({ securityContext }: Container, { spec }: Pod): boolean {
  const context = securityContext ?? {};
  if (context.allowPrivilegeEscalation !== false) return true;
  const ofPod = spec.securityContext;
  const uid = context.runAsUser ?? ofPod?.runAsUser;
  const isRoot = uid == null ? (context.runAsNonRoot ?? ofPod?.["runAsNonRoot"]) !== true : uid === 0;
  const { add, drop } = context.capabilities ?? {};
  // Dropped exactly, added in any spelling: as in user-container.ts.
  const adds = (add ?? []).some((name) => /^(cap_)?(setuid|all)$/i.test(name));
  const drops = (drop ?? []).some((name) => name === "ALL" || name === "SETUID");
  return isRoot && (adds || !drops);
}
