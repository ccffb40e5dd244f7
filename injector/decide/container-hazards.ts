import { named, type Container, type Pod, type VolumeMount } from "../model/pod.ts";
import { type Presence, hasOpenUid } from "./presence.ts";
import { type Finding, finding } from "../model/findings.ts";
import { isIdentityVolume } from "../model/identity-volumes.ts";
import { RESERVED_PREFIX } from "../../sidecar/contract/pod.ts";

/** With an open uid, no other container may become that uid. */
const FORBIDDEN_WITH_OPEN_UID: ReadonlySet<string> = new Set(["SETUID", "SETGID"]);

/** Where one container could undo the guard or expose the sidecar. */
export const containerHazards = (container: Container, pod: Pod, protect: Presence): readonly Finding[] => [
  ...reservedNames(container),
  ...switchesUid(container, protect),
  ...uids(container, pod, protect),
];

function reservedNames(container: Container): readonly Finding[] {
  // An identity's token has a place of its own in each of its containers: see own-volumes.ts.
  const mounts = (container.volumeMounts ?? []).filter(
    ({ name }) => name.startsWith(RESERVED_PREFIX) && !isIdentityVolume(name),
  );
  return [
    ...(container.name.startsWith(RESERVED_PREFIX)
      ? [
          finding(
            "RESERVED_NAME",
            `${named(container)} uses a name that is reserved for podrole.`,
            "Rename the container.",
          ),
        ]
      : []),
    ...mounts.map((mount) => reservedMount(container, mount)),
  ];
}

/** A mount of podrole's own volume that the container may not have. */
export const reservedMount = (container: Container, { name }: VolumeMount): Finding =>
  finding(
    "RESERVED_NAME",
    `${named(container)} mounts podrole's volume ${JSON.stringify(name)}.`,
    "Remove the mount.",
  );

/** Baseline admits no other spelling. */
function switchesUid(container: Container, presence: Presence): readonly Finding[] {
  if (!hasOpenUid(presence)) return [];
  return (container.securityContext?.capabilities?.add ?? [])
    .filter((added) => FORBIDDEN_WITH_OPEN_UID.has(added))
    .map((added) =>
      finding(
        "CAPABILITY_FORBIDDEN",
        `${named(container)} adds the capability ${added}, and source ${presence.source} lets the sidecar's uid past the guard.`,
        `Remove ${added} from securityContext.capabilities.add, or ask a cluster admin for source web-identity.`,
      ),
    );
}

function uids(container: Container, pod: Pod, { guard, sidecar, source }: Presence): readonly Finding[] {
  const context = container.securityContext ?? {};
  if (!hasOpenUid({ guard, sidecar, source })) return [];
  // A uid that is named is not the sidecar's: see sidecar-uid.ts.
  const uid = context.runAsUser ?? pod.spec.securityContext?.runAsUser;
  const findings: Finding[] = [];
  if (uid == null) {
    const message = `${named(container)} sets no uid of its own, and source ${source} lets the sidecar's uid past the guard.`;
    findings.push(
      finding(
        "UID_UNKNOWN",
        message,
        "Set securityContext.runAsUser, or ask a cluster admin for source web-identity.",
      ),
    );
  }
  if (context.allowPrivilegeEscalation === true) {
    const message = `${named(container)} allows privilege escalation, and source ${source} lets the sidecar's uid past the guard.`;
    findings.push(
      finding(
        "PRIVILEGE_ESCALATION",
        message,
        "Set allowPrivilegeEscalation to false, or ask a cluster admin for source web-identity.",
      ),
    );
  }
  return findings;
}
