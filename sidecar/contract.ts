/**
 * What the two programs agree on. The injector writes these names into a pod, the guard and the sidecar read them
 * there. One definition, so that they cannot drift apart. This file imports nothing.
 */

/** Ports below the ephemeral range (32768), so that no outgoing connection of the pod can hold them at start. */
export const CREDENTIALS_PORT = 16925;
export const HEALTH_PORT = 16926;
/** Of the sidecar's own metadata endpoint, on 127.0.0.1 and ::1, where the guard sends what is asked of EC2's. */
export const IMDS_PORT = 16927;

/** The literal 127.0.0.1 is the only host that every AWS SDK accepts in a FULL_URI without TLS. */
export const LOOPBACK = "127.0.0.1";

export const PATH = {
  credentials: "/v1/credentials",
  healthz: "/healthz",
  readyz: "/readyz",
  metrics: "/metrics",
} as const;

export const CONTAINER = { guard: "podrole-guard", sidecar: "podrole-sidecar" } as const;

/** Container and volume names that begin so are ours: a pod that brings one of its own is denied. */
export const RESERVED_PREFIX = "podrole-";

/** The two commands of the one image, and the hook that holds the app until credentials are there. */
export const COMMAND = {
  guard: ["podrole-sidecar", "guard"],
  serve: ["podrole-sidecar", "serve"],
  wait: ["podrole-sidecar", "wait"],
} as const;

/**
 * The sidecar's uid and gid. At most 65535, since a pod's user namespace maps no more, and not one that images
 * commonly run as (65532, 65534, 1000): in source `node` the guard lets this uid through.
 */
export const SIDECAR_UID = 64169;

export const TOKEN_VOLUME = {
  name: "podrole-token",
  mountPath: "/var/run/secrets/podrole.dev/token",
  file: "token",
  /** The audience that IAM's OIDC provider is registered with for AssumeRoleWithWebIdentity. */
  audience: "sts.amazonaws.com",
} as const;

/**
 * EC2's instance metadata service, IPv4 and IPv6. Not its neighbours: 169.254.169.253 is the VPC's DNS server and
 * 169.254.169.123 its clock, and a pod needs both.
 */
export const METADATA_ADDRESSES = ["169.254.169.254", "fd00:ec2::254"] as const;

/** Neighbours of the metadata service that no pod does without, and what each is. The guard blocks none of them. */
export const NEVER_BLOCKED: Readonly<Record<string, string>> = {
  "169.254.169.253": "the VPC's DNS server",
  "fd00:ec2::253": "the VPC's DNS server",
  "169.254.169.123": "the clock that AWS gives",
  "fd00:ec2::123": "the clock that AWS gives",
};

/** `block`: nothing answers at the metadata addresses. `emulate`: the sidecar does, at TCP port 80. */
export const IMDS_MODES = ["block", "emulate"] as const;
export type ImdsMode = (typeof IMDS_MODES)[number];

/** Whether the sidecar's endpoint answers a GET without a token, IMDSv1, as it does one with a token. */
export const IMDS_V1 = ["denied", "allowed"] as const;
export type ImdsV1 = (typeof IMDS_V1)[number];

const NAME = /^[A-Za-z0-9](?:[\w.-]{0,251}[A-Za-z0-9])?$/;
const OCTET = "(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)";

/**
 * What the emulated service can be told of where the pod runs, and the form of each. Label values, host names and AWS's own
 * ids are all made of the characters of a name.
 */
export const IMDS_FACTS = {
  region: NAME,
  availabilityZone: NAME,
  availabilityZoneId: NAME,
  instanceId: /^i-[0-9a-f]{8,32}$/,
  instanceType: NAME,
  /** The pod's own addresses. */
  localIpv4: new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`),
  ipv6: /^[0-9a-f:.]{2,45}$/,
  hostname: NAME,
  imageId: NAME,
  mac: /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/,
} as const satisfies Readonly<Record<string, RegExp>>;
export type ImdsFact = keyof typeof IMDS_FACTS;

/** Whether a guard may do without the kernel's egress hook, see ENV.egressHook. */
export const EGRESS_HOOK_MODES = ["require", "prefer"] as const;
export type EgressHookMode = (typeof EGRESS_HOOK_MODES)[number];

/** Where the sidecar's own AWS identity comes from. */
export const SOURCES = ["web-identity", "node", "ambient"] as const;
export type Source = (typeof SOURCES)[number];

/** `wait`: app containers start once credentials are held. `now`: once the sidecar listens. */
export const START_MODES = ["wait", "now"] as const;
export type StartMode = (typeof START_MODES)[number];

/**
 * One call that turns an identity into a role. The first step of source `web-identity` is an
 * AssumeRoleWithWebIdentity, every other step an AssumeRole with the credentials of the step before.
 * Values of `tags` may hold the placeholders of {@link PLACEHOLDERS}.
 */
export interface Step {
  readonly roleArn: string;
  /** 900 to 43200. STS allows a chained session one hour at most. */
  readonly durationSeconds?: number;
  readonly externalId?: string;
  readonly policy?: string;
  /** ARNs of managed policies, {@link POLICY_ARNS_MAX} at most: the session may do what they allow and no more. */
  readonly policyArns?: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
  /** Keys of `tags` that a role assumed with this session inherits and cannot set anew. */
  readonly transitiveTagKeys?: readonly string[];
}

export const POLICY_ARNS_MAX = 10;

/**
 * One session that the sidecar holds, and whom it serves it to. A pod has one of its own, and one more for every
 * container that `podrole.dev/role.<container>` gives a role.
 */
export interface Identity {
  /** {@link POD_IDENTITY} or {@link containerIdentity}: for logs, metrics and messages. */
  readonly name: string;
  /** SHA-256, in hex, of the token that its containers present. The sidecar never holds the token itself. */
  readonly tokenSha256: string;
  /** The last one is the identity's role. */
  readonly steps: readonly Step[];
}

export const POD_IDENTITY = "pod";
/** A container's name has no slash, so none can be taken for the pod. */
export const containerIdentity = (container: string): string => `container/${container}`;

/** Each costs an engine, a session and a call to STS an hour. */
export const IDENTITIES_MAX = 10;

/** Known only once the pod exists, so filled in by the sidecar, in session names and tag values. */
export const PLACEHOLDERS = ["{namespace}", "{serviceAccount}", "{pod}", "{podUid}"] as const;

/** What guard and sidecar are configured by. */
export const ENV = {
  /** Both: addresses to keep out of reach, comma-separated. Empty: no guard in this pod, nothing to verify. */
  blockedAddresses: "PODROLE_BLOCKED_ADDRESSES",
  /** Guard: the one uid that may still reach them (source `node`), or absent. */
  openUid: "PODROLE_OPEN_UID",
  /**
   * Guard: `prefer` says that NET_RAW is dropped from every container of the pod, which is what the egress hook is the
   * second wall against; so it may be done without. Absent: `require`.
   */
  egressHook: "PODROLE_EGRESS_HOOK",
  /** Both: {@link IMDS_MODES}, absent for `block`, and the port of the sidecar's endpoint in `emulate`. */
  imds: "PODROLE_IMDS",
  imdsPort: "PODROLE_IMDS_PORT",
  /** Sidecar, in `emulate`: `allowed` for clients that know no token, else `denied`. */
  imdsV1: "PODROLE_IMDS_V1",
  /**
   * Sidecar, in `emulate`: what the pod may know of where it runs, as a JSON object of texts with the keys of
   * {@link IMDS_FACTS}, and of `podIps`, the pod's addresses, comma-separated, and `providerId`, its node's.
   */
  imdsFacts: "PODROLE_IMDS_FACTS",
  /** Sidecar, in `emulate`, by the downward API, for `imdsFacts` to refer to; see {@link imdsFactVariable} too. */
  imdsPodIps: "PODROLE_IMDS_POD_IPS",
  /** Sidecar, in `emulate` and source `node`: paths of the node's own service to pass on, comma-separated. */
  imdsNodePaths: "PODROLE_IMDS_NODE_PATHS",
  /** Guard, by the downward API: equal addresses mean the node's own network. */
  podIp: "PODROLE_POD_IP",
  hostIp: "PODROLE_HOST_IP",
  /** Both: the file that `kubectl describe pod` shows the content of. */
  terminationLog: "PODROLE_TERMINATION_LOG",

  source: "PODROLE_SOURCE",
  /** JSON array of {@link Identity}. */
  identities: "PODROLE_IDENTITIES",
  /** Template of the role session name, see {@link PLACEHOLDERS}. */
  sessionName: "PODROLE_SESSION_NAME",
  region: "PODROLE_REGION",
  /** An STS endpoint other than the region's own, such as a VPC endpoint. */
  stsEndpoint: "PODROLE_STS_ENDPOINT",
  /** `true`: the region's FIPS endpoint, its dual-stack endpoint, or the one that is both. */
  stsFips: "PODROLE_STS_FIPS",
  stsDualStack: "PODROLE_STS_DUAL_STACK",
  /** PEM certificates, trusted in calls to STS beside the public roots. */
  stsCa: "PODROLE_STS_CA",
  webIdentityTokenFile: "PODROLE_WEB_IDENTITY_TOKEN_FILE",
  start: "PODROLE_START",
  startTimeoutSeconds: "PODROLE_START_TIMEOUT_SECONDS",
  port: "PODROLE_PORT",
  healthPort: "PODROLE_HEALTH_PORT",
  logLevel: "PODROLE_LOG_LEVEL",
  namespace: "PODROLE_NAMESPACE",
  serviceAccount: "PODROLE_SERVICE_ACCOUNT",
  podName: "PODROLE_POD_NAME",
  podUid: "PODROLE_POD_UID",
} as const;

/** The variable that holds a label of the pod's, for ENV.imdsFacts to refer to: `PODROLE_IMDS_FACT_INSTANCE_TYPE`. */
export const imdsFactVariable = (fact: ImdsFact): string =>
  `PODROLE_IMDS_FACT_${fact.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

/** What the app's containers are given: the AWS SDKs' own names. */
export const APP_ENV = {
  fullUri: "AWS_CONTAINER_CREDENTIALS_FULL_URI",
  token: "AWS_CONTAINER_AUTHORIZATION_TOKEN",
  region: "AWS_REGION",
  defaultRegion: "AWS_DEFAULT_REGION",
  stsRegionalEndpoints: "AWS_STS_REGIONAL_ENDPOINTS",
  metadataDisabled: "AWS_EC2_METADATA_DISABLED",
} as const;

/** The label that puts a namespace under podrole. */
export const NAMESPACE_LABEL = { key: "podrole.dev/inject", value: "enabled" } as const;

/** `podrole.dev/role.<container>` gives one container of the pod a role of its own. */
export const CONTAINER_ROLE_PREFIX = "podrole.dev/role.";

export const ANNOTATION = {
  role: "iam.amazonaws.com/role",
  externalId: "iam.amazonaws.com/external-id",
  peerSessionName: "iam.amazonaws.com/session-name",
  serviceAccountRole: "eks.amazonaws.com/role-arn",
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
  region: "podrole.dev/region",
  imds: "podrole.dev/imds",
  imdsV1: "podrole.dev/imds-v1",
  start: "podrole.dev/start",
  status: "podrole.dev/status",
  guard: "podrole.dev/guard",
  source: "podrole.dev/source",
} as const;
