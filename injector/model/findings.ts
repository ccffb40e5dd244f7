/** The code is the contract. Its severity belongs to the code, not to the place that raises it. */
export type Severity = "deny" | "warn" | "info";

/** Every code, its severity and what it is about. The reference page is made from this table. */
export const FINDINGS = {
  OBJECT_MALFORMED: {
    severity: "deny",
    about: "The object is not a pod, or a field that a decision rests on has the wrong type.",
  },
  INTERNAL: {
    severity: "deny",
    about: "podrole failed to decide. The log has the error; a pod that is not decided about is not let in.",
  },
  NO_CONTAINERS: { severity: "deny", about: "The pod has no containers." },
  FACTS_UNAVAILABLE: {
    severity: "deny",
    about: "The namespace or service account could not be looked up, so nothing can be decided.",
  },
  ROLE_MALFORMED: {
    severity: "deny",
    about: "What names the role is not a role name, a path and name, or a role ARN.",
  },
  ROLE_NEEDS_BASE_ARN: {
    severity: "deny",
    about: "A role is given by name and the injector knows no base ARN to complete it with.",
  },
  ROLE_NOT_ALLOWED: {
    severity: "deny",
    about: "No rule allows this namespace and service account the role.",
  },
  ROLE_DENIED_BY_GRANT: { severity: "deny", about: "A RoleGrant with effect Deny covers the role." },
  ROLE_WOULD_BE_DENIED: {
    severity: "warn",
    about: "Policy mode audit: in mode enforce this pod would be denied.",
  },
  POLICY_RULE_INVALID: {
    severity: "warn",
    about: "A rule on the namespace cannot be read; it allows nothing.",
  },
  GRANT_DEFAULT_AMBIGUOUS: {
    severity: "warn",
    about: "Several grants name a default role for this service account.",
  },
  HUB_ROLE_MISSING: {
    severity: "deny",
    about: "An external id or session tags need AssumeRole, and web identity alone cannot make that call.",
  },
  ANNOTATION_INVALID: { severity: "deny", about: "A known annotation holds a value it cannot hold." },
  ANNOTATION_UNKNOWN: { severity: "warn", about: "An annotation looks like one of ours and is not." },
  ANNOTATION_KEY_REPLACED: {
    severity: "warn",
    about:
      "An annotation has podrole's default key, and this cluster is set to read another key in its place.",
  },
  ANNOTATION_MISPLACED: {
    severity: "warn",
    about: "An annotation is known, but not on this kind of object.",
  },
  CONTAINER_UNKNOWN: {
    severity: "deny",
    about: "An annotation names a container that the pod does not have.",
  },
  SESSION_SHORTENED: {
    severity: "warn",
    about: "The session was cut to the hour that STS allows a chained session.",
  },
  SESSION_SHORT: {
    severity: "warn",
    about: "The session is so short that some SDKs fetch credentials before every call.",
  },
  CREDENTIALS_SHADOWED: {
    severity: "warn",
    about: "A variable the user set comes before the sidecar in the SDKs' search order.",
  },
  PROXY_NOT_EXEMPT: {
    severity: "warn",
    about: "The container has a proxy and a NO_PROXY that cannot be extended.",
  },
  IMDS_NOT_ALLOWED: {
    severity: "deny",
    about:
      "An annotation asks for the metadata service to be emulated, and the injector or the namespace does not allow it.",
  },
  IMDS_NEEDS_GUARD: {
    severity: "deny",
    about: "The metadata service is to be emulated where the guard is off: the node's own would answer.",
  },
  IMDS_SHARED: {
    severity: "deny",
    about:
      "The metadata service is to be emulated in a pod whose containers are not all to have the pod's role.",
  },
  IMDS_WITHOUT_ROLE: {
    severity: "warn",
    about: "The metadata service is to be emulated in a pod without a role: it is blocked instead.",
  },
  IMDS_V1_ALLOWED: {
    severity: "warn",
    about: "The emulated metadata service answers requests without a token (IMDSv1).",
  },
  IMDS_SHADOWED: {
    severity: "warn",
    about: "A variable or an alias of the user's keeps clients from the emulated metadata service.",
  },
  GUARD_OFF: {
    severity: "warn",
    about: "The guard is turned off for this namespace: the node's role is within the pod's reach.",
  },
  HOST_NETWORK: {
    severity: "deny",
    about: "The pod uses the node's network: a guard there would cut the node itself off.",
  },
  HOST_NETWORK_UNGUARDED: {
    severity: "warn",
    about: "The pod uses the node's network and is admitted without a guard.",
  },
  HOST_PATH: {
    severity: "deny",
    about: "The pod mounts a path of the node, by which it could reach other pods' credentials.",
  },
  HOST_PATH_ALLOWED: {
    severity: "warn",
    about: "The pod mounts a path of the node, and the injector lets it.",
  },
  PSA_FORBIDS_GUARD: {
    severity: "deny",
    about: "The namespace's Pod Security level forbids the guard's NET_ADMIN.",
  },
  PRIVILEGED: {
    severity: "deny",
    about: "A privileged container, or one with an unmasked /proc, can remove the guard's rules.",
  },
  CAPABILITY_FORBIDDEN: {
    severity: "deny",
    about: "A capability that lets a container go round or remove the guard.",
  },
  HOST_NAMESPACE: {
    severity: "deny",
    about: "A shared process or IPC namespace lays the sidecar's memory open.",
  },
  SIDECAR_UID: { severity: "deny", about: "A container runs as the sidecar's uid." },
  UID_UNKNOWN: {
    severity: "deny",
    about: "Source node: the container's uid is left to its image, so it could be the sidecar's.",
  },
  PRIVILEGE_ESCALATION: {
    severity: "deny",
    about: "Source node: with privilege escalation a container can become the sidecar's uid.",
  },
  POD_FROZEN: {
    severity: "deny",
    about:
      "What podrole has decided about a running pod cannot be changed: its annotations and the images of guard and sidecar.",
  },
  RESOURCES_BELOW_FLOOR: {
    severity: "deny",
    about: "A resize would leave guard or sidecar with less CPU or memory than podrole gives them.",
  },
  EPHEMERAL_TARGET: {
    severity: "deny",
    about: "An ephemeral container aims at guard or sidecar, whose processes it would share.",
  },
  SERVICE_ACCOUNT_MISSING: {
    severity: "warn",
    about: "A workload names a service account that does not exist; its pods could not be made.",
  },
  RESERVED_NAME: { severity: "deny", about: "A container, volume or mount takes one of podrole's names." },
  GUARD_MISSING: {
    severity: "deny",
    about: "Said by the ValidatingAdmissionPolicy: guard is not the pod's first init container.",
  },
  SETTINGS_INVALID: {
    severity: "deny",
    about:
      "The ConfigMap podrole-config has no version, or a setting has a value that it cannot have (admission policy).",
  },
  SIDECAR_EXEC: {
    severity: "deny",
    about:
      "Said by the ValidatingAdmissionPolicy: exec or attach into guard or sidecar, which lays the pod's credentials open.",
  },
  INJECTED_DIFFERENTLY: {
    severity: "deny",
    about: "The pod holds a container of ours with other content than this version writes.",
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
}

export function finding(code: FindingCode, message: string, remedy: string): Finding {
  return { code, severity: FINDINGS[code].severity, message: clipped(message), remedy };
}

/** Names are not validated yet: one can be as long as a request may be. */
const MESSAGE_MAX = 600;
const clipped = (text: string): string =>
  text.length > MESSAGE_MAX ? `${text.slice(0, MESSAGE_MAX - 1)}…` : text;

export const denies = (findings: readonly Finding[]): boolean =>
  findings.some(({ severity }) => severity === "deny");

/** `[CODE] message remedy`, on one line, whatever a name in it holds. */
export function sentence({ code, message, remedy }: Finding): string {
  // Control characters would let a pod's author write lines of their own into a terminal or a log.
  return `[${code}] ${message} ${remedy}`.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim();
}
