import { NAMESPACE_LABEL } from "../../sidecar/contract/annotations.ts";
import type { Grant } from "./grant.ts";
import type { LimitRange } from "./limit-range.ts";

/** What a decision needs to know of a namespace. */
export interface NamespaceFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What a decision needs to know of a service account. */
export interface ServiceAccountFacts {
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The facts about the pod's surroundings that one decision rests on, taken once. */
export interface Facts {
  readonly namespace: NamespaceFacts;
  /** Undefined where the cluster, or the offline input, has no such service account. */
  readonly serviceAccount: ServiceAccountFacts | undefined;
  readonly grants: readonly Grant[];
  /** Those of the namespace, sorted by name. */
  readonly limitRanges: readonly LimitRange[];
}

/** Whether podrole handles the pods of the namespace. */
export const isLabelled = ({ namespace }: Pick<Facts, "namespace">): boolean =>
  namespace.labels[NAMESPACE_LABEL.key] === NAMESPACE_LABEL.value;

/** Where facts come from: the API server, or the manifests of an offline command. */
export interface Cluster {
  /** @throws CodedError `FACTS_UNAVAILABLE` if there is no answer. The caller must not guess a decision then. */
  facts(namespace: string, serviceAccount: string): Promise<Facts>;
}
