import { RESERVED_PREFIX, SIDECAR_UID } from "../../sidecar/contract/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { finding, type Finding } from "../model/findings.ts";
import { isOurs } from "../model/user-containers.ts";
import { allContainers, type Container, type Pod } from "../model/pod.ts";
import { SOURCE_VOLUMES } from "../source/sources.ts";
import { type Presence, hasOpenUid } from "./presence.ts";

/**
 * Capabilities with which a container can remove the guard's rules, speak past them, or read another's memory.
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
/** With an open uid: nobody else may become it. */
const FORBIDDEN_WITH_OPEN_UID = ["SETUID", "SETGID"];

/** What is in the pod, and what there is to protect from it. */
export interface Protected extends Presence {
  readonly hostPath: InjectorConfig["hostPath"];
}

/** A capability as Kubernetes compares it: upper case, without the prefix that some write. */
const capability = (raw: string): string => raw.toUpperCase().replace(/^CAP_/, "");

/** Refuses or hardens what would undo the guard or lay the sidecar open: admission's part of deploy/docs/security.md. Pure. */
export function hazards(pod: Pod, protect: Protected): readonly Finding[] {
  const users = allContainers(pod.spec).filter(
    ({ list, container }) => !(list === "initContainers" && isOurs(container)),
  );
  return [
    ...sharedNamespaces(pod, protect),
    ...hostPaths(pod, protect),
    ...reservedVolumes(pod),
    ...users.flatMap(({ container }) => [
      ...reservedNames(container),
      ...privileges(container, protect),
      ...identity(container, pod, protect),
    ]),
  ];
}

const named = ({ name }: Container): string => `Container ${JSON.stringify(name)}`;

/**
 * The host's process table holds every other pod's sidecar as well, within reach of a container that runs as the same
 * uid: so it is refused to pods without a role, too.
 */
function sharedNamespaces({ spec }: Pod, { sidecar }: Protected): readonly Finding[] {
  const host = (["hostPID", "hostIPC"] as const).filter((field) => spec[field] === true);
  const own = sidecar && spec.shareProcessNamespace === true ? (["shareProcessNamespace"] as const) : [];
  return [...host, ...own].map((field) =>
    finding(
      "HOST_NAMESPACE",
      `The pod sets ${field}, which lays the memory and files of a sidecar open.`,
      `Take ${field} off the pod.`,
    ),
  );
}

/**
 * The guard needs a namespace at Pod Security level `privileged`, where nothing else forbids these: the kubelet's folder
 * holds every pod's tokens, the runtime's socket is root on the node.
 */
function hostPaths({ spec }: Pod, { hostPath }: Protected): readonly Finding[] {
  const code = hostPath === "deny" ? "HOST_PATH" : "HOST_PATH_ALLOWED";
  return (spec.volumes ?? [])
    .filter((volume) => volume["hostPath"] != null)
    .map(({ name }) =>
      finding(
        code,
        `The volume ${JSON.stringify(name)} is a path of the node, by which the pod may reach other pods' credentials.`,
        "Use a volume of another kind, or run the pod in a namespace without podrole.",
      ),
    );
}

function reservedVolumes({ spec }: Pod): readonly Finding[] {
  return (spec.volumes ?? [])
    .filter(({ name }) => name.startsWith(RESERVED_PREFIX) && !SOURCE_VOLUMES.has(name))
    .map(({ name }) =>
      finding(
        "RESERVED_NAME",
        `The volume ${JSON.stringify(name)} takes a name of podrole's.`,
        "Rename the volume.",
      ),
    );
}

function reservedNames(container: Container): readonly Finding[] {
  const mounts = (container.volumeMounts ?? []).filter(({ name }) => name.startsWith(RESERVED_PREFIX));
  return [
    ...(container.name.startsWith(RESERVED_PREFIX)
      ? [finding("RESERVED_NAME", `${named(container)} takes a name of podrole's.`, "Rename the container.")]
      : []),
    ...mounts.map(({ name }) =>
      finding(
        "RESERVED_NAME",
        `${named(container)} mounts the volume ${JSON.stringify(name)} of podrole's.`,
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
            `${named(container)} is privileged and could undo the guard.`,
            "Set privileged to false.",
          ),
        ]
      : []),
    // Only "Unmasked" does harm; anything but "Default" is refused, so that a mode to come is not let in unread.
    ...(context.procMount != null && context.procMount !== "Default"
      ? [
          finding(
            "PRIVILEGED",
            `${named(container)} unmasks /proc and could undo the guard.`,
            "Set procMount to Default.",
          ),
        ]
      : []),
    ...added.map((raw) =>
      finding(
        "CAPABILITY_FORBIDDEN",
        `${named(container)} adds the capability ${raw}, with which it could go round the guard or read the sidecar.`,
        `Remove ${raw} from securityContext.capabilities.add.`,
      ),
    ),
  ];
}

function identity(container: Container, pod: Pod, { guard, sidecar, source }: Protected): readonly Finding[] {
  const context = container.securityContext ?? {};
  const uid = context.runAsUser ?? pod.spec.securityContext?.runAsUser;
  if (uid === SIDECAR_UID) {
    return [
      finding(
        "SIDECAR_UID",
        `${named(container)} runs as uid ${SIDECAR_UID}, the sidecar's.`,
        "Set another runAsUser.",
      ),
    ];
  }
  if (!hasOpenUid({ guard, sidecar, source })) return [];
  const findings: Finding[] = [];
  if (uid == null) {
    const message = `${named(container)} leaves its uid to the image, and source ${source} lets the sidecar's uid past the guard.`;
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
