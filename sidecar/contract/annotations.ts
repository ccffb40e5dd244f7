/** The label that puts a namespace under podrole. */
export const NAMESPACE_LABEL = { key: "podrole.dev/inject", value: "enabled" } as const;

/** `podrole.dev/role.<container>` gives one container of the pod a role of its own. */
export const CONTAINER_ROLE_PREFIX = "podrole.dev/role.";

export const ANNOTATION = {
  role: "iam.amazonaws.com/role",
  externalId: "iam.amazonaws.com/external-id",
  peerSessionName: "iam.amazonaws.com/session-name",
  serviceAccountRole: "eks.amazonaws.com/role-arn",
  serviceAccountAudience: "eks.amazonaws.com/audience",
  namespaceDefaultRole: "iam.amazonaws.com/default-role",
  namespaceAllowedRoles: "iam.amazonaws.com/allowed-roles",
  namespacePermitted: "iam.amazonaws.com/permitted",
  inject: "podrole.dev/inject",
  sessionName: "podrole.dev/session-name",
  sessionDuration: "podrole.dev/session-duration",
  sessionTags: "podrole.dev/session-tags",
  sessionTransitiveTags: "podrole.dev/session-transitive-tags",
  sessionPolicy: "podrole.dev/session-policy",
  sessionPolicyArns: "podrole.dev/session-policy-arns",
  containers: "podrole.dev/containers",
  skipContainers: "podrole.dev/skip-containers",
  irsaSkipContainers: "eks.amazonaws.com/skip-containers",
  region: "podrole.dev/region",
  imds: "podrole.dev/imds",
  imdsV1: "podrole.dev/imds-v1",
  start: "podrole.dev/start",
  token: "podrole.dev/token",
  guardResources: "podrole.dev/guard-resources",
  sidecarResources: "podrole.dev/sidecar-resources",
  status: "podrole.dev/status",
  guard: "podrole.dev/guard",
  exempt: "podrole.dev/exempt",
  source: "podrole.dev/source",
} as const;
