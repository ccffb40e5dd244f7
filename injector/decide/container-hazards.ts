import type { Container, Pod } from "../model/pod.ts";
import { type Protected, hasOpenUid } from "./presence.ts";
import { type Finding, finding } from "../model/findings.ts";
import { RESERVED_PREFIX } from "../../sidecar/contract/pod.ts";

/**
 * Capabilities with which a container can remove the guard's rules, bypass them, or read another's memory.
 * NET_RAW is one of them: a transmit-only AF_XDP socket in copy mode goes past every rule in the pod's own namespace
 * and needs nothing else (measured, Linux 6.18).
 */
const FORBIDDEN_WITH_GUARD = [
  "ALL",
  "NET_ADMIN",
  "NET_RAW",
  "SYS_ADMIN",
  "SYS_MODULE",
  "SYS_RAWIO",
  "BPF",
  "PERFMON",
];
const FORBIDDEN_WITH_SIDECAR = ["ALL", "SYS_PTRACE", "SYS_ADMIN"];
/** With an open uid, no other container may become that uid. */
const FORBIDDEN_WITH_OPEN_UID = ["SETUID", "SETGID"];

/** A capability as Kubernetes compares it: upper case, without the prefix that some write. */
const capability = (raw: string): string => raw.toUpperCase().replace(/^CAP_/, "");

/** Where one container could undo the guard or expose the sidecar. */
export const containerHazards = (container: Container, pod: Pod, protect: Protected): readonly Finding[] => [
  ...reservedNames(container),
  ...privileges(container, protect),
  ...uids(container, pod, protect),
];

const named = ({ name }: Container): string => `Container ${JSON.stringify(name)}`;

function reservedNames(container: Container): readonly Finding[] {
  const mounts = (container.volumeMounts ?? []).filter(({ name }) => name.startsWith(RESERVED_PREFIX));
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
    ...mounts.map(({ name }) =>
      finding(
        "RESERVED_NAME",
        `${named(container)} mounts podrole's volume ${JSON.stringify(name)}.`,
        "Remove the mount.",
      ),
    ),
  ];
}

function privileges(container: Container, { guard, sidecar, source }: Protected): readonly Finding[] {
  const context = container.securityContext ?? {};
  const forbidden = new Set([
    ...(guard ? FORBIDDEN_WITH_GUARD : []),
    ...(sidecar ? FORBIDDEN_WITH_SIDECAR : []),
    ...(hasOpenUid({ guard, sidecar, source }) ? FORBIDDEN_WITH_OPEN_UID : []),
  ]);
  const added = (context.capabilities?.add ?? []).filter((raw) => forbidden.has(capability(raw)));
  return [
    ...(context.privileged === true
      ? [
          finding(
            "PRIVILEGED",
            `${named(container)} is privileged and could remove the guard's rules.`,
            "Set privileged to false.",
          ),
        ]
      : []),
    // Only "Unmasked" does harm; anything but "Default" is refused, so that a future mode is not admitted unseen.
    ...(context.procMount != null && context.procMount !== "Default"
      ? [
          finding(
            "PRIVILEGED",
            `${named(container)} unmasks /proc and could remove the guard's rules.`,
            "Set procMount to Default.",
          ),
        ]
      : []),
    ...added.map((raw) =>
      finding(
        "CAPABILITY_FORBIDDEN",
        `${named(container)} adds the capability ${raw}, which could bypass the guard or read the sidecar.`,
        `Remove ${raw} from securityContext.capabilities.add.`,
      ),
    ),
  ];
}

function uids(container: Container, pod: Pod, { guard, sidecar, source }: Protected): readonly Finding[] {
  const context = container.securityContext ?? {};
  if (!hasOpenUid({ guard, sidecar, source })) return [];
  // A uid that is named is not the sidecar's: see sidecar-uid.ts.
  const uid = context.runAsUser ?? pod.spec.securityContext?.runAsUser;
  const findings: Finding[] = [];
  if (uid == null) {
    const message = `${named(container)} sets no uid of its own, and source ${source} lets the sidecar's uid past the guard.`;
    findings.push(
      finding("UID_UNKNOWN", message, "Set securityContext.runAsUser, or use source web-identity."),
    );
  }
  if (context.allowPrivilegeEscalation === true) {
    const message = `${named(container)} allows privilege escalation, and source ${source} lets the sidecar's uid past the guard.`;
    findings.push(
      finding(
        "PRIVILEGE_ESCALATION",
        message,
        "Set allowPrivilegeEscalation to false, or use source web-identity.",
      ),
    );
  }
  return findings;
}
