import { NAMESPACE_LABEL } from "../sidecar/contract.ts";
import { parseGrant } from "./grant.ts";
import { isRecord, own, stringMap, type Fields } from "./read.ts";
import type { Grant } from "./grant.ts";

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
}

/** Whether the pods of the namespace are podrole's business. */
export const isLabelled = ({ namespace }: Pick<Facts, "namespace">): boolean =>
  namespace.labels[NAMESPACE_LABEL.key] === NAMESPACE_LABEL.value;

/** Where facts come from: the API server, or the manifests of an offline command. */
export interface Cluster {
  /** @throws CodedError `FACTS_UNAVAILABLE` where the answer cannot be had; a decision must not be guessed then. */
  facts(namespace: string, serviceAccount: string): Promise<Facts>;
}

/** What an offline command knows of a namespace that its input does not hold. */
export interface Assumptions {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * A cluster made of manifests: namespaces, service accounts and grants among `objects` are taken as the cluster's, and
 * a namespace that is not among them is as `assumed`.
 * @throws CodedError `GRANT_INVALID`
 */
export function manifestCluster(objects: readonly Fields[], assumed: Assumptions): Cluster {
  const namespaces = new Map<string, NamespaceFacts>();
  const accounts = new Map<string, ServiceAccountFacts>();
  const grants: Grant[] = [];
  for (const object of objects) {
    const kind = `${String(own(object, "apiVersion"))}/${String(own(object, "kind"))}`;
    // Before anything else can pass it over: a grant that is not read may be a Deny.
    if (kind === "podrole.dev/v1alpha1/RoleGrant") grants.push(parseGrant(object));
    const metadata = own(object, "metadata");
    const name = isRecord(metadata) ? own(metadata, "name") : undefined;
    if (!isRecord(metadata) || typeof name !== "string") continue;
    const annotations = stringMap(own(metadata, "annotations"));
    switch (kind) {
      case "v1/Namespace":
        namespaces.set(name, { name, labels: stringMap(own(metadata, "labels")), annotations });
        break;
      case "v1/ServiceAccount": {
        const namespace = own(metadata, "namespace");
        accounts.set(`${typeof namespace === "string" ? namespace : "default"}/${name}`, {
          name,
          annotations,
        });
        break;
      }
      default:
    }
  }
  // As the webhook has them, so that both name the same of two grants that decide alike.
  grants.sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    facts: (namespace, serviceAccount) =>
      Promise.resolve({
        namespace: namespaces.get(namespace) ?? { name: namespace, ...assumed },
        serviceAccount: accounts.get(`${namespace}/${serviceAccount}`),
        grants,
      }),
  };
}
