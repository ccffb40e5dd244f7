import type { Written } from "../../../config/read-config.ts";
import type { BaseRoleArn } from "../../../model/arn.ts";
import type { Facts } from "../../../model/facts.ts";
import { fieldsIn, metadataOf, own, stringMap, type Fields } from "../../../model/read.ts";
import type { Note } from "../note.ts";

export const ORIGINS = ["kube2iam", "kiam", "irsa"] as const;
export type OriginName = (typeof ORIGINS)[number];

/** Which role a pod has now. */
export type Now =
  | { readonly kind: "role"; readonly arn: string; readonly by: string }
  /** It has the role, or may have it, and podrole is not to give it in the same way; why, as a clause. */
  | { readonly kind: "kept"; readonly arn: string; readonly by: string; readonly why: string }
  /** It names a role, and does not get it; why, as a clause. */
  | { readonly kind: "refused"; readonly arn: string; readonly why: string }
  /** Why not, as a clause, if that may surprise. */
  | { readonly kind: "none"; readonly why?: string };

/** A pod and what is around it. */
export interface Place {
  readonly pod: Fields;
  readonly facts: Facts;
}

/** What pods get their roles from now. */
export interface Origin {
  readonly name: OriginName;
  /** Where it was found; empty if it was not. */
  readonly found: readonly string[];
  /** The settings of podrole's that say the same as its flags. */
  readonly settings: Written;
  readonly notes: readonly Note[];
  /** Where names are completed with a base that the tool finds out by itself. */
  readonly findsBase: boolean;
  /** Whether it answers on each node instead of the metadata service. */
  readonly intercepts: boolean;
  /** The annotation by which a pod names its sessions, where the tool has one. */
  readonly sessionNameKey?: string;
  /** @param base of podrole's settings, where the tool finds its own */
  readonly nowOf: (
    base: BaseRoleArn | undefined,
  ) => (place: Place) => { readonly now: Now; readonly notes: readonly Note[] };
  /** The namespaces' annotation by whose text it decides; undefined if it decides by none. */
  readonly rules?: Rules;
}

/** The annotation of a namespace that says which roles its pods may have. */
export interface Rules {
  /** Its key. */
  readonly key: string;
  /**
   * The same roles as globs over ARNs, as far as globs can say it, and the patterns for which they cannot, each with why.
   * @param base as for `nowOf`
   */
  readonly globs: (
    annotation: string,
    base: BaseRoleArn | undefined,
  ) => { readonly globs: readonly string[]; readonly others: readonly string[] };
}

export const annotationsOf = (object: Fields): Readonly<Record<string, string>> =>
  stringMap(own(metadataOf(object), "annotations"));

export const isOnHostNetwork = (pod: Fields): boolean => own(fieldsIn(pod, "spec"), "hostNetwork") === true;

export const NO_ROLE = { now: { kind: "none" }, notes: [] } as const;

/** The tool's rule on a node is about pods that are not on the node's network. */
export const NODES_ROLE = {
  now: { kind: "none", why: "on the node's network it has the node's own" },
  notes: [],
} as const;
