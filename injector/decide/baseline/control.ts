import type { Container, Pod } from "../../model/pod.ts";
import type { FindingCode } from "../../model/findings.ts";
import type { MeshTrust } from "./mesh-init.ts";

/** Where a pod may have what podrole forbids, for remedies. */
export const ELSEWHERE = "in a namespace without podrole";

/** What a control looks at: the pod, and its containers other than guard and sidecar, of every list. */
export interface Subject {
  readonly pod: Pod;
  readonly containers: readonly Container[];
  /** Whether the pod is guarded. If not, the control protects a sidecar only. */
  readonly guard: boolean;
  readonly meshes: MeshTrust;
}

/** One thing that a control forbids, in one place of a pod. */
export interface Violation {
  /** Who does what: a clause without its end, such as `Container "app" is privileged`. */
  readonly what: string;
  /** What to do: an imperative without its end, such as `Set privileged to false`. */
  readonly remedy: string;
  /** What an exemption has to name: a capability, a sysctl, a path. */
  readonly value?: string;
  /** Of a path: whether every mount of it is read-only. */
  readonly readOnly?: boolean;
}

/** How a namespace's annotation can exempt from a control, with the reason. */
export type Exemptible =
  /** By no entry. */
  | { readonly by: "nothing"; readonly because: string }
  /** By the control's name. */
  | { readonly by: "name"; readonly because: string }
  /** By `name=value` for one of the values; each has its reason where it is listed. */
  | { readonly by: "value"; readonly values: readonly string[]; readonly because: string }
  /** By `name=/path` or `name=/path:rw`, see paths.ts. */
  | { readonly by: "path"; readonly because: string };

/** One control of Pod Security level `baseline`, by the name that `podrole.dev/exempt` and the reference give it. */
export interface Control {
  readonly code: FindingCode;
  /** The fields that it reads. */
  readonly fields: string;
  /** What it forbids. */
  readonly forbids: string;
  /** Whether it also applies with the guard off, to protect a sidecar: what it forbids reaches it, or the node and so every pod. */
  readonly forSidecar: boolean;
  readonly exempt: Exemptible;
  readonly violations: (subject: Subject) => readonly Violation[];
}
