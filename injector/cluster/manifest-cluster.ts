import { parseGrant, type Grant } from "../model/grant.ts";
import type { Cluster, NamespaceFacts, ServiceAccountFacts } from "../model/facts.ts";
import { limitRangesByNamespace, readLimitRange, type LimitRange } from "../model/limit-range.ts";
import { isRecord, own, stringMap, type Fields } from "../model/read.ts";

/** What an offline command assumes about a namespace that its input does not contain. */
export interface Assumptions {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * A cluster made of manifests: its namespaces, service accounts, grants and LimitRanges are those among `objects`. Any other namespace
 * is as `assumed`.
 * @throws CodedError `GRANT_INVALID`
 */
export function manifestCluster(objects: readonly Fields[], assumed: Assumptions): Cluster {
  const namespaces = new Map<string, NamespaceFacts>();
  const accounts = new Map<string, ServiceAccountFacts>();
  const grants: Grant[] = [];
  const limitRanges: LimitRange[] = [];
  for (const object of objects) {
    const kind = `${String(own(object, "apiVersion"))}/${String(own(object, "kind"))}`;
    // First, so that no grant is skipped: one that cannot be read may be a Deny.
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
      case "v1/LimitRange":
        limitRanges.push(readLimitRange(object));
        break;
      default:
    }
  }
  // In the webhook's order, so that both name the same grant when two decide alike.
  grants.sort((a, b) => (a.name < b.name ? -1 : 1));
  const limits = limitRangesByNamespace(limitRanges);
  return {
    facts: (namespace, serviceAccount) =>
      Promise.resolve({
        namespace: namespaces.get(namespace) ?? { name: namespace, ...assumed },
        serviceAccount: accounts.get(`${namespace}/${serviceAccount}`),
        grants,
        limitRanges: limits(namespace),
      }),
  };
}
