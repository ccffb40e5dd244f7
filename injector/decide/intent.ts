import type { IdentityIntent } from "./identities.ts";
import type { Source } from "../../sidecar/contract/session.ts";
import type { GuardMode, StartMode } from "../../sidecar/contract/env.ts";
import type { ImdsIntent } from "./imds.ts";
import type { MeshIntent } from "./mesh.ts";
import type { ResourcesIntent } from "./resources/own-resources.ts";
import type { Finding } from "../model/findings.ts";
import type { Pod } from "../model/pod.ts";
import type { TokenMode } from "../model/token-mode.ts";

/** The sidecar's configuration, and the containers that it serves. */
export interface SidecarIntent {
  /** At least one. */
  readonly identities: readonly IdentityIntent[];
  readonly source: Source;
  /** Of the token in the source's volume. */
  readonly audience: string;
  readonly sessionName: string;
  /** Where STS is called. */
  readonly stsRegion: string;
  readonly stsEndpoint: string;
  /** The proxy on the way there; undefined: none. */
  readonly stsProxy: string | undefined;
  /** For the app's containers; undefined where it is not known. */
  readonly region: string | undefined;
  readonly start: StartMode;
  readonly token: TokenMode;
}

/** Everything that podrole will change in one pod. */
export interface Intent {
  /** Undefined: the pod gets no guard. */
  readonly guard: GuardMode | undefined;
  readonly sidecar: SidecarIntent | undefined;
  /** What guard and sidecar request, and are limited to. */
  readonly resources: ResourcesIntent["of"];
  /** Undefined where the metadata service is not emulated; else there are a guard and a sidecar. */
  readonly imds: ImdsIntent | undefined;
  /** Undefined outside a service mesh, and in a pod with neither a sidecar nor a guard in mode `verify`, which need its group. */
  readonly mesh: MeshIntent | undefined;
}

export type SkipReason =
  | "namespace-not-labelled"
  | "mirror-pod"
  | "windows-pod"
  | "host-network"
  | "nothing-to-do";

export type PodDecision =
  | { readonly kind: "skip"; readonly reason: SkipReason; readonly findings: readonly Finding[] }
  | { readonly kind: "deny"; readonly findings: readonly Finding[] }
  | {
      readonly kind: "inject";
      readonly pod: Pod;
      readonly intent: Intent;
      readonly findings: readonly Finding[];
    };
