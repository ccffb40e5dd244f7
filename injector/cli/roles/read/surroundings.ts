import { grantIndex, type GrantReading } from "../../../cluster/grant-index.ts";
import { NAMESPACES } from "../../../cluster/fact-kinds.ts";
import type { InjectorConfig } from "../../../config/installation.ts";
import type { Facts, NamespaceFacts, ServiceAccountFacts } from "../../../model/facts.ts";
import { metadataOf, nameOf, own, stringMap, type Fields } from "../../../model/read.ts";
import { namespaceIn } from "../../../model/workload.ts";

/** What decides about the roles of many pods, read once. */
export interface Surroundings {
  readonly config: InjectorConfig;
  readonly namespaces: () => readonly NamespaceFacts[];
  /** Names of the service accounts of a namespace, sorted. */
  readonly accountsOf: (namespace: string) => readonly string[];
  /** As the webhook has them, or why it has none: a grant that cannot be read. Undefined of a namespace that is not known. */
  readonly factsOf: (namespace: string, serviceAccount: string) => Facts | Error | undefined;
}

export interface Objects {
  readonly namespaces: readonly Fields[];
  readonly accounts: readonly Fields[];
  readonly grants: readonly GrantReading[];
}

/** @param assumed stands for a namespace that is not among the objects */
export function surroundingsFrom(
  { namespaces, accounts, grants }: Objects,
  config: InjectorConfig,
  assumed?: Pick<NamespaceFacts, "labels" | "annotations">,
): Surroundings {
  const byName = new Map(namespaces.map((one) => [nameOf(one), NAMESPACES.cut(one)]));
  const byNamespace = new Map<string, Map<string, ServiceAccountFacts>>();
  for (const one of accounts) {
    const namespace = namespaceIn(one) ?? "default";
    const known = byNamespace.get(namespace) ?? new Map<string, ServiceAccountFacts>();
    byNamespace.set(namespace, known);
    const name = nameOf(one);
    known.set(name, { name, annotations: stringMap(own(metadataOf(one), "annotations")) });
  }
  const index = grantIndex(grants);
  const known = (name: string): NamespaceFacts | undefined => {
    const found = byName.get(name);
    if (found !== undefined || assumed === undefined) return found;
    const made = { name, ...assumed };
    byName.set(name, made);
    return made;
  };
  return {
    config,
    namespaces: () => [...byName.values()],
    accountsOf: (namespace) => [...(byNamespace.get(namespace)?.keys() ?? [])].toSorted(),
    factsOf: (name, serviceAccount) => {
      const namespace = known(name);
      if (namespace === undefined) return undefined;
      const account = byNamespace.get(name)?.get(serviceAccount);
      try {
        // No LimitRange: they decide about CPU and memory, not about roles.
        return { namespace, serviceAccount: account, grants: index.covering(namespace), limitRanges: [] };
      } catch (error) {
        return error instanceof Error ? error : new Error(String(error));
      }
    },
  };
}
