import type { EgressHookMode, StartMode } from "../../sidecar/contract/env.ts";
import type { Source } from "../../sidecar/contract/session.ts";
import type { ImdsFact } from "../../sidecar/contract/metadata.ts";
import type { BaseRoleArn, RoleArn } from "../model/arn.ts";
import type { Keys } from "./keys.ts";

/** Who may use which role; see the README's table. */
export const POLICY_MODES = ["enforce", "listed", "audit", "off"] as const;
export type PolicyMode = (typeof POLICY_MODES)[number];

export const GUARD_MODES = ["block", "off"] as const;
export type GuardMode = (typeof GUARD_MODES)[number];

/** Whether pods may have the metadata service emulated, and whether without IMDSv2's token. */
export const IMDS_ALLOWANCES = ["block", "allow-emulate", "allow-emulate-v1"] as const;

/** A fact that emulated pods are told of where they run: the same for all, or a label of the pod's. */
export type ImdsFactSetting =
  | { readonly fact: ImdsFact; readonly value: string }
  | { readonly fact: ImdsFact; readonly label: string };

export const HOST_NETWORK_MODES = ["deny", "warn"] as const;
export const HOST_PATH_MODES = ["deny", "warn"] as const;
export const WORKLOAD_MODES = ["warn", "deny", "off"] as const;
export const ALLOWED_ROLES_FORMATS = ["glob", "regexp"] as const;
export const PULL_POLICIES = ["Always", "IfNotPresent", "Never"] as const;

/** What an administrator decides for the whole installation. Nothing in it comes from a tenant. */
export interface InjectorConfig {
  /** The one image of guard and sidecar; a digest makes it immutable. */
  readonly image: string;
  readonly imagePullPolicy: (typeof PULL_POLICIES)[number];
  readonly source: Source;
  /** Sources that a namespace's annotation may choose instead. */
  readonly sourceOverrides: readonly Source[];
  /** Undefined: `listed` for source web-identity, where IAM's trust policy decides as well; `enforce` for the others. */
  readonly policy: PolicyMode | undefined;
  readonly guard: GuardMode;
  /** Whether a guard may do without the egress hook, where a node's kernel has none. */
  readonly egressHook: EgressHookMode;
  /** Whether the guard has NET_RAW as well, which iptables-legacy needs and nothing else of it does. */
  readonly guardNetRaw: boolean;
  /** What becomes of a pod on the node's network that asks for no role. */
  readonly hostNetwork: (typeof HOST_NETWORK_MODES)[number];
  /** What becomes of a pod that mounts a path of the node. */
  readonly hostPath: (typeof HOST_PATH_MODES)[number];
  /** What becomes of a workload whose pods would be denied, when it is applied. */
  readonly workloads: (typeof WORKLOAD_MODES)[number];
  readonly baseRoleArn: BaseRoleArn | undefined;
  readonly defaultRole: RoleArn | undefined;
  /** The role through which others are reached where AssumeRole is needed (external id, session tags). */
  readonly hubRole: RoleArn | undefined;
  readonly allowedRolesFormat: (typeof ALLOWED_ROLES_FORMATS)[number];
  readonly region: string | undefined;
  readonly stsEndpoint: string | undefined;
  /** Go with no `stsEndpoint`. */
  readonly stsFips: boolean;
  readonly stsDualStack: boolean;
  /** PEM certificates that sidecars trust in calls to STS, beside the public roots. */
  readonly stsCa: string | undefined;
  readonly sessionName: string;
  readonly sessionDurationSeconds: number;
  /** Whether AssumeRole carries the kubernetes-* session tags; the role's trust policy must allow sts:TagSession then. */
  readonly sessionTags: boolean;
  /** Whether roles that the app assumes with its session inherit those tags; their trust policies need sts:TagSession then. */
  readonly transitiveSessionTags: boolean;
  readonly clusterName: string | undefined;
  /** Source ambient: the Secret, in the pod's namespace, with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. */
  readonly ambientSecret: string | undefined;
  readonly blockedAddresses: readonly string[];
  readonly imds: (typeof IMDS_ALLOWANCES)[number];
  readonly imdsPort: number;
  /** Each fact once. */
  readonly imdsFacts: readonly ImdsFactSetting[];
  /** Source node: paths of the node's own service that the sidecar passes on. */
  readonly imdsNodePaths: readonly string[];
  readonly start: StartMode;
  readonly startTimeoutSeconds: number;
  readonly credentialsPort: number;
  readonly healthPort: number;
  readonly sidecarLogLevel: string;
  /** Annotations that this cluster spells otherwise, see keys.ts. */
  readonly keys: Keys;
  /** Of podrole, for the status annotation. */
  readonly version: string;
}
