import type { Source } from "../../sidecar/contract/session.ts";
import type { Finding } from "../model/findings.ts";
import type { EnvVar, Volume, VolumeMount } from "../model/pod.ts";

/** The settings that a source may read. */
export interface SourceSettings {
  readonly ambientSecret: string | undefined;
  readonly brokerUrl: string | undefined;
  readonly brokerCa: string | undefined;
}

/** All differences between the sources of the sidecar's own identity, for the injector and its commands. */
export interface SourceKind {
  readonly name: Source;
  /**
   * The policy mode if no setting names one: `listed` if IAM's trust policy can name the pod's service account, and
   * `enforce` if only podrole's rules can.
   */
  readonly defaultPolicy: "listed" | "enforce";
  /** Whether the mode is `enforce` whatever the setting says: roles trust one identity of all pods. */
  readonly alwaysEnforces: boolean;
  /** Whether the sidecar itself calls STS. Else it is told nothing of regions, endpoints and sessions. */
  readonly callsSts: boolean;
  /**
   * The call that the sidecar's first step is. Only `AssumeRole` takes an external id and session tags: with the other,
   * a pod that asks for them goes through the hub role.
   */
  readonly firstCall: "AssumeRole" | "AssumeRoleWithWebIdentity";
  /** Whether its identity is a role's session already: STS then counts every call as chained, an hour at most. */
  readonly isRoleSession: boolean;
  /**
   * Whether the sidecar has to reach the node's metadata service. The guard then lets the sidecar's uid through, so
   * that no other container may become that uid, and the sidecar cannot verify the guard.
   */
  readonly opensGuard: boolean;
  /** The sidecar's variables. */
  readonly env: (settings: SourceSettings) => readonly EnvVar[];
  /** A volume of the pod's, with a token of this audience, and how the sidecar mounts it. Its name begins with `podrole-`. */
  readonly volume?: { readonly of: (audience: string) => Volume; readonly mount: VolumeMount };
  /** Of the token in that volume, whatever setting and service account say. */
  readonly audience?: string;
  /** What its identity is, as the end of "starting from". */
  readonly startsFrom: (settings: SourceSettings) => string;
  /** How a person finds the ARN that roles have to trust; absent where they trust the cluster's OIDC provider. */
  readonly principalRemedy?: string;
  /** Why these settings exclude the source, as a clause that follows its name; undefined if they allow it. */
  readonly problem?: (settings: SourceSettings) => string | undefined;
  /** What the installation has not got yet, without which no pod can have a role. */
  readonly missing?: (settings: SourceSettings) => Pick<Finding, "code" | "message" | "remedy"> | undefined;
}
