/**
 * What the two programs agree on: the injector writes it into a pod, the guard and the sidecar find it there. One
 * definition, so that they cannot drift apart. Files of this folder import nothing.
 */

/** Ports below the ephemeral range (32768), so that no outgoing connection of the pod can occupy them at start. */
export const CREDENTIALS_PORT = 16925;
export const HEALTH_PORT = 16926;
/** The sidecar's metadata endpoint, on 127.0.0.1 and ::1, where the guard redirects connections to EC2's. */
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

/** Containers and volumes with this prefix are podrole's: a pod that brings one of its own is denied. */
export const RESERVED_PREFIX = "podrole-";

/**
 * The commands of the one image: the guard of mode `block` and that of mode `verify`; the sidecar; guard and sidecar in one container; and
 * the hook that delays the app until there are credentials.
 */
export const COMMAND = {
  guard: ["podrole-sidecar", "guard"],
  verify: ["podrole-sidecar", "verify"],
  serve: ["podrole-sidecar", "serve"],
  guardAndServe: ["podrole-sidecar", "guard-and-serve"],
  wait: ["podrole-sidecar", "wait"],
} as const;

/** How the command `verify` exits by what it has proven; `podrole check --probe` reads it. All exits: guard/exits.ts. */
export const VERIFY_EXITS = { held: 0, reachable: 17, unproven: 18 } as const;

/**
 * The sidecar's uid, which is its gid too: random for each pod, so that no pod of the node can use up what the kernel
 * gives another's, and no image can be built to run as it. At most 65535, since a pod's user namespace maps no more, and
 * none that images commonly run as (65532, 65534, 1000).
 */
export const SIDECAR_UIDS = { min: 40_000, max: 64_999 } as const;

export const TOKEN_VOLUME = {
  name: "podrole-token",
  mountPath: "/run/podrole/sts",
  file: "token",
  /** The audience that IAM's OIDC provider is mostly registered with for AssumeRoleWithWebIdentity. */
  audience: "sts.amazonaws.com",
} as const;

/**
 * The token of an identity as a file: a projected service account token. The kubelet gives every mount of the volume the
 * same bytes, so the sidecar can compare what a container sends. `index` is the identity's place in the sidecar's list.
 */
export const IDENTITY_TOKEN = {
  volume: (index: number): string => `podrole-identity-${index}`,
  /** In the containers of the identity. */
  mountPath: "/var/run/secrets/podrole.dev/credentials",
  sidecarMountPath: (index: number): string => `/run/podrole/${index}`,
  file: "token",
  /** One for each identity, since the kubelet makes one token for each audience of a pod. Nobody accepts it. */
  audience: (identity: string): string => `${IDENTITY_AUDIENCE_PREFIX}${identity}`,
  /** A day, since some SDKs read the file only once. The kubelet writes a new token after four fifths of it. */
  expirationSeconds: 86_400,
} as const;

/** A pod that asks for a token of such an audience by itself is denied: the sidecar would accept it. */
export const IDENTITY_AUDIENCE_PREFIX = "podrole.dev/";

/** Variables of the app's containers, by the AWS SDKs' own names. */
export const APP_ENV = {
  fullUri: "AWS_CONTAINER_CREDENTIALS_FULL_URI",
  tokenFile: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
  token: "AWS_CONTAINER_AUTHORIZATION_TOKEN",
  region: "AWS_REGION",
  defaultRegion: "AWS_DEFAULT_REGION",
  stsRegionalEndpoints: "AWS_STS_REGIONAL_ENDPOINTS",
  metadataDisabled: "AWS_EC2_METADATA_DISABLED",
} as const;
