/** Whether a guard may do without the kernel's egress hook, see {@link ENV}. */
export const EGRESS_HOOK_MODES = ["require", "prefer"] as const;
export type EgressHookMode = (typeof EGRESS_HOOK_MODES)[number];

/**
 * How the pod is guarded. `block`: the guard's own rules in the pod keep the metadata service out of reach. `verify`: nothing in the pod is
 * changed, and the guard proves that nodes or network keep it out of reach.
 */
export const GUARD_MODES = ["block", "verify"] as const;
export type GuardMode = (typeof GUARD_MODES)[number];

/** `wait`: app containers start once credentials are held. `now`: once the sidecar listens. */
export const START_MODES = ["wait", "now"] as const;
export type StartMode = (typeof START_MODES)[number];

/** The value of {@link ENV.blockedAddresses} in the sidecar of a pod without a guard. */
export const NO_GUARD = "none";

/** The variables that guard and sidecar are configured by. What an absent one stands for: kit/defaults.ts. */
export const ENV = {
  /** Both: addresses to keep out of reach, comma-separated. Sidecar: {@link NO_GUARD} in a pod without a guard, where nothing is to be verified. */
  blockedAddresses: "PODROLE_BLOCKED_ADDRESSES",
  /** Sidecar: {@link GUARD_MODES}, by which it checks again while it runs. */
  guard: "PODROLE_GUARD",
  /** Guard: the one uid that may still reach them (source `node`), or absent. */
  openUid: "PODROLE_OPEN_UID",
  /**
   * Guard, in a pod with a sidecar: the uid that runs it, and the ports where it gives credentials, comma-separated. Nobody
   * else in the pod may answer there.
   */
  sidecarUid: "PODROLE_SIDECAR_UID",
  sidecarPorts: "PODROLE_SIDECAR_PORTS",
  /** Guard and sidecar in one container, in a pod of a service mesh: the group as which the sidecar serves. Absent: its uid's number. */
  sidecarGid: "PODROLE_SIDECAR_GID",
  /**
   * Guard: `prefer` if NET_RAW is dropped from every container of the pod. The egress hook is the second wall against
   * packet sockets, so then the guard may do without it. Absent: `require`.
   */
  egressHook: "PODROLE_EGRESS_HOOK",
  /** Both: {@link IMDS_MODES}, and the port of the sidecar's endpoint in `emulate`. */
  imds: "PODROLE_IMDS",
  imdsPort: "PODROLE_LISTEN_IMDS",
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
  /** The region that calls to STS are signed for. */
  region: "PODROLE_REGION",
  /** Where STS is called, such as `https://sts.eu-west-1.amazonaws.com`: scheme, host and port only. */
  stsEndpoint: "PODROLE_STS_ENDPOINT",
  /** PEM certificates, trusted in calls to STS beside the public roots. */
  stsCa: "PODROLE_STS_CA",
  /** The HTTP proxy on the way to STS: scheme, host and port only. Absent: there is none. */
  stsProxy: "PODROLE_STS_PROXY",
  /** By the kubelet from a Secret, where the proxy asks for them. */
  stsProxyUsername: "PODROLE_STS_PROXY_USERNAME",
  stsProxyPassword: "PODROLE_STS_PROXY_PASSWORD",
  webIdentityTokenFile: "PODROLE_WEB_IDENTITY_TOKEN_FILE",
  /** Source `broker`: where the broker is, an https origin, and the PEM certificates of the CAs that its certificate may be by. */
  brokerUrl: "PODROLE_BROKER_URL",
  brokerCa: "PODROLE_BROKER_CA",
  start: "PODROLE_START",
  startTimeoutSeconds: "PODROLE_START_TIMEOUT_SECONDS",
  /** Ports. A name that ends in `_PORT` would be set by the kubelet for a Service named `podrole`. */
  port: "PODROLE_LISTEN_CREDENTIALS",
  healthPort: "PODROLE_LISTEN_HEALTH",
  logLevel: "PODROLE_LOG_LEVEL",
  /** Of the pod, by the downward API; all but the uid only where a placeholder refers to it: kit/pod-fields.ts. */
  namespace: "PODROLE_NAMESPACE",
  serviceAccount: "PODROLE_SERVICE_ACCOUNT",
  podName: "PODROLE_POD_NAME",
  podUid: "PODROLE_POD_UID",
} as const;
