import { plain } from "../../sidecar/kit/plain.ts";

/** The code is the contract. Its severity belongs to the code, not to the place that raises it. */
export type Severity = "deny" | "warn" | "info";

/** Every code with its severity and meaning. The reference page is made from this table. */
export const FINDINGS = {
  OBJECT_MALFORMED: {
    severity: "deny",
    about:
      "The object is not a pod, a field that podrole reads has the wrong type, or there is more of something than a pod can have.",
  },
  REVIEW_TOO_HEAVY: {
    severity: "deny",
    about:
      "The object is so large or so deeply nested that reading it could take all of the injector's memory. For a workload it is a warning.",
  },
  INTERNAL: {
    severity: "deny",
    about: "podrole failed to decide, so the pod is denied. The injector's log has the error.",
  },
  NO_CONTAINERS: { severity: "deny", about: "The pod has no containers." },
  FACTS_UNAVAILABLE: {
    severity: "deny",
    about: "The namespace, the service account or the grants could not be read, so podrole cannot decide.",
  },
  ROLE_MALFORMED: {
    severity: "deny",
    about: "The text that names the role is not a role name, a path and name, or a role ARN.",
  },
  ROLE_NEEDS_BASE_ARN: {
    severity: "deny",
    about: "The role is given by name, and the injector has no base ARN to complete it.",
  },
  ROLE_NOT_ALLOWED: {
    severity: "deny",
    about: "No rule allows this namespace and service account to use the role.",
  },
  ROLE_DENIED_BY_GRANT: { severity: "deny", about: "A RoleGrant with effect Deny covers the role." },
  ROLE_WOULD_BE_DENIED: {
    severity: "warn",
    about: "Policy mode audit: mode enforce would deny this pod.",
  },
  POLICY_RULE_INVALID: {
    severity: "warn",
    about: "A rule on the namespace cannot be read, so it allows nothing.",
  },
  GRANT_DEFAULT_AMBIGUOUS: {
    severity: "warn",
    about: "Several grants name a default role for this service account.",
  },
  HUB_ROLE_MISSING: {
    severity: "deny",
    about:
      "An external id or session tags need AssumeRole, and source web-identity needs a hub role for that call.",
  },
  ANNOTATION_INVALID: { severity: "deny", about: "A known annotation has an invalid value." },
  ANNOTATION_UNKNOWN: {
    severity: "warn",
    about: "An annotation looks like one of podrole's, but podrole does not know it.",
  },
  ANNOTATION_KEY_REPLACED: {
    severity: "warn",
    about: "An annotation has podrole's default key, but this cluster is set to read another key instead.",
  },
  ANNOTATION_MISPLACED: {
    severity: "warn",
    about:
      "A known annotation is where podrole does not read it: on another kind of object, on a workload itself instead of its pod template, or as a label.",
  },
  SESSION_NAME_FORBIDDEN: {
    severity: "deny",
    about: "The pod asks for a session name that could pass for another namespace's.",
  },
  CONTAINER_UNKNOWN: {
    severity: "deny",
    about: "An annotation names a container that the pod does not have.",
  },
  SKIPPED_UNKNOWN: {
    severity: "warn",
    about:
      "An annotation excludes a container that the pod does not have. If another webhook adds it later, it gets no credentials.",
  },
  SESSION_SHORTENED: {
    severity: "warn",
    about: "The session was shortened to one hour, STS's limit for a chained session.",
  },
  SESSION_SHORT: {
    severity: "warn",
    about: "The session is so short that some SDKs fetch credentials before every call.",
  },
  CREDENTIALS_SHADOWED: {
    severity: "warn",
    about: "A variable set by the user comes before the sidecar in the SDKs' search order.",
  },
  CREDENTIALS_MAY_BE_SHADOWED: {
    severity: "info",
    about:
      "A variable of an optional key of a Secret or ConfigMap: if the key exists, the variable comes before the sidecar in the SDKs' search order.",
  },
  TOKEN_NOT_ALLOWED: {
    severity: "deny",
    about: "The pod asks for its token in a way that the setting token does not allow.",
  },
  TOKEN_MOUNT_BLOCKED: {
    severity: "deny",
    about: "A mount of the container is in the way of its token file.",
  },
  PROXY_NOT_EXEMPT: {
    severity: "warn",
    about: "The container has a proxy and a NO_PROXY that podrole cannot extend.",
  },
  BROKER_CA_MISSING: {
    severity: "deny",
    about: "Source broker: the controller has not written the broker's CA into the settings yet.",
  },
  IMDS_NOT_ALLOWED: {
    severity: "deny",
    about:
      "An annotation asks for an emulated metadata service, and the injector or the namespace does not allow it.",
  },
  IMDS_NEEDS_GUARD: {
    severity: "deny",
    about:
      "The pod asks for an emulated metadata service, and the guard is off or in mode verify: nothing would lead requests to the sidecar.",
  },
  IMDS_SHARED: {
    severity: "deny",
    about:
      "The pod asks for an emulated metadata service, but not all of its containers have the pod's role.",
  },
  IMDS_WITHOUT_ROLE: {
    severity: "warn",
    about: "The pod asks for an emulated metadata service but has no role: the service is blocked instead.",
  },
  IMDS_V1_ALLOWED: {
    severity: "warn",
    about: "The emulated metadata service answers requests without a token (IMDSv1).",
  },
  IMDS_SHADOWED: {
    severity: "warn",
    about: "A variable or host alias set by the user keeps clients from the emulated metadata service.",
  },
  GUARD_OFF: {
    severity: "warn",
    about: "The guard is off for this namespace, so the pod can reach the node's role.",
  },
  WINDOWS_WITHOUT_ROLE: {
    severity: "warn",
    about: "A pod for Windows nodes asks for a role, and podrole leaves such pods alone.",
  },
  HOST_NETWORK: {
    severity: "deny",
    about:
      "The pod uses the node's network, where a guard would cut off the node itself, or find the metadata service in reach.",
  },
  HOST_NETWORK_UNGUARDED: {
    severity: "warn",
    about: "The pod uses the node's network and is admitted without a guard.",
  },
  HOST_PATH: {
    severity: "deny",
    about:
      "The pod has a volume that is a path of the node, through which it could reach other pods' credentials.",
  },
  BLOCK_NEEDS_PRIVILEGED: {
    severity: "warn",
    about:
      "The guard is in mode block, and the namespace's Pod Security level forbids its NET_ADMIN: the API server refuses the pod.",
  },
  SOURCE_NEEDS_BLOCK: {
    severity: "deny",
    about:
      "Source node needs the node's metadata service, and the guard is in mode verify, in which no pod may reach it.",
  },
  PRIVILEGED: {
    severity: "deny",
    about: "A container is privileged, is a process of the node, or has an unmasked /proc.",
  },
  CAPABILITY_FORBIDDEN: {
    severity: "deny",
    about: "A container adds a capability that Pod Security level baseline forbids.",
  },
  MESH_INIT: {
    severity: "deny",
    about:
      "A service mesh's init container has NET_ADMIN, with which it could undo the guard, and no setting trusts it.",
  },
  HOST_NAMESPACE: {
    severity: "deny",
    about: "A shared process or IPC namespace exposes the sidecar's memory.",
  },
  SIDECAR_UID: {
    severity: "deny",
    about:
      "An ephemeral container, or one that another webhook added, runs as the uid of the pod's sidecar; or the pod leaves no uid for it.",
  },
  HOST_PORT: { severity: "deny", about: "A container takes a port of the node." },
  PROBE_HOST: {
    severity: "deny",
    about: "A probe or lifecycle hook makes the kubelet connect to another host than the pod.",
  },
  SECCOMP_FORBIDDEN: { severity: "deny", about: "The pod or a container turns seccomp off." },
  APPARMOR_FORBIDDEN: { severity: "deny", about: "The pod or a container turns AppArmor off." },
  SELINUX_FORBIDDEN: {
    severity: "deny",
    about:
      "The pod or a container has an SELinux type, user or role that Pod Security level baseline forbids.",
  },
  SYSCTL_FORBIDDEN: {
    severity: "deny",
    about: "The pod sets a sysctl that Pod Security level baseline forbids.",
  },
  EXEMPTED: {
    severity: "warn",
    about: "The pod needs an exemption that an admin gave its namespace from Pod Security level baseline.",
  },
  EXEMPTION_INVALID: {
    severity: "warn",
    about: "An exemption of the namespace is not understood, or cannot be given, so it exempts from nothing.",
  },
  CONTAINERS_NOT_SEPARATED: {
    severity: "warn",
    about:
      "Containers of the pod have different roles, and one of them could get another's credentials: it can become the sidecar's uid, or the guard is off.",
  },
  UID_UNKNOWN: {
    severity: "deny",
    about: "Source node: the image decides the container's uid, so it could be the sidecar's.",
  },
  PRIVILEGE_ESCALATION: {
    severity: "deny",
    about: "Source node: with privilege escalation a container can become the sidecar's uid.",
  },
  POD_FROZEN: {
    severity: "deny",
    about:
      "podrole's annotations and the images of guard, sidecar and a mesh's init container cannot be changed on a running pod.",
  },
  RESOURCES_BELOW_FLOOR: {
    severity: "deny",
    about: "Guard or sidecar has, or would have after a resize, less CPU or memory than it needs.",
  },
  LIMIT_RANGE_TOO_TIGHT: {
    severity: "deny",
    about:
      "A LimitRange of the namespace leaves guard or sidecar less CPU or memory than it needs, so the API server would refuse the pod.",
  },
  EPHEMERAL_TARGET: {
    severity: "deny",
    about:
      "An ephemeral container targets guard, sidecar or a mesh's init container, whose processes it would share.",
  },
  GUARD_NOT_DONE: {
    severity: "deny",
    about: "An ephemeral container could start before the guard has done its work.",
  },
  SERVICE_ACCOUNT_MISSING: {
    severity: "warn",
    about: "A workload names a service account that does not exist, so its pods cannot be created.",
  },
  RESERVED_NAME: {
    severity: "deny",
    about: "A container, volume or mount uses a name that is reserved for podrole.",
  },
  GUARD_MISSING: {
    severity: "deny",
    about: "Admission policy: the guard is not the pod's first init container.",
  },
  SETTINGS_INVALID: {
    severity: "deny",
    about:
      "Admission policy: the ConfigMap podrole-config has no version, or a setting has an invalid value.",
  },
  SIDECAR_EXEC: {
    severity: "deny",
    about:
      "Admission policy: exec or attach into guard or sidecar would expose the pod's credentials, and into a mesh's init container the guard.",
  },
  BLOCKED_ENDPOINT: {
    severity: "deny",
    about: "Admission policy: an endpoint or an external IP of a Service is an address that podrole blocks.",
  },
  INJECTED_DIFFERENTLY: {
    severity: "deny",
    about:
      "A container or volume with one of podrole's names differs from what this version of podrole writes.",
  },
} as const satisfies Record<string, { severity: Severity; about: string }>;

export type FindingCode = keyof typeof FINDINGS;

export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** One sentence: what was found, and where. */
  readonly message: string;
  /** One sentence: what to do about it. */
  readonly remedy: string;
  /** Of `EXEMPTED`: the entry of the namespace's annotation. */
  readonly entry?: string;
}

export function finding(code: FindingCode, message: string, remedy: string): Finding {
  return {
    code,
    severity: FINDINGS[code].severity,
    message: clipped(message, MESSAGE_MAX),
    remedy: clipped(remedy, MESSAGE_MAX),
  };
}

/** An exemption that a pod needs, for its author and for the audit log. */
export const exemption = (entry: string, message: string): Finding => ({
  ...finding("EXEMPTED", message, "If no pod needs it any more, ask a cluster admin to remove the entry."),
  entry,
});

/** Names are not validated yet: one can be as long as a request may be. */
const MESSAGE_MAX = 1200;

/** The text, or so much of it that it has `max` characters with the sign that the rest is missing. */
export const clipped = (text: string, max: number): string =>
  text.length > max ? `${text.slice(0, max - 1)}…` : text;

export const denies = (findings: readonly Finding[]): boolean =>
  findings.some(({ severity }) => severity === "deny");

/** `[CODE] message remedy`, always on one line, even if a name in it contains line breaks. */
export const sentence = ({ code, message, remedy }: Finding): string =>
  plain(`[${code}] ${message} ${remedy}`).trim();
