import type { Cluster } from "../model/facts.ts";
import type { Finding } from "../model/findings.ts";
import type { Pod } from "../model/pod.ts";

/**
 * Other spellings of annotations, ours to theirs: kube2iam and kiam let a cluster choose its own, and such a cluster is
 * to move over without a manifest being touched. Read in the place of ours; ours is then not read any more, or there
 * would be two ways to name a role where the admin wanted one.
 */
export type Keys = Readonly<Record<string, string>>;

type Annotations = Readonly<Record<string, string>>;

/** Annotations under our names, whatever the cluster calls them; the same object where it calls them as we do. */
function inOurs(annotations: Annotations, keys: Keys): Annotations {
  const renamed = Object.entries(keys);
  if (renamed.length === 0) return annotations;
  const ours: Record<string, string> = { ...annotations };
  for (const [our, their] of renamed) {
    delete ours[our];
    delete ours[their];
  }
  for (const [our, their] of renamed) {
    const value = Object.hasOwn(annotations, their) ? annotations[their] : undefined;
    if (value !== undefined) ours[our] = value;
  }
  return ours;
}

/** The pod as it is read. What is changed and handed back is the pod itself. */
export function podInOurs(pod: Pod, keys: Keys): Pod {
  const annotations = pod.metadata?.annotations;
  if (annotations == null || Object.keys(keys).length === 0) return pod;
  return { ...pod, metadata: { ...pod.metadata, annotations: inOurs(annotations, keys) } };
}

/** A cluster whose namespaces and service accounts are annotated in the cluster's own spelling. */
export function clusterInOurs(cluster: Cluster, keys: Keys): Cluster {
  if (Object.keys(keys).length === 0) return cluster;
  return {
    facts: async (namespace, serviceAccount) => {
      const facts = await cluster.facts(namespace, serviceAccount);
      const { namespace: ns, serviceAccount: account } = facts;
      return {
        ...facts,
        namespace: { ...ns, annotations: inOurs(ns.annotations, keys) },
        serviceAccount: account && { ...account, annotations: inOurs(account.annotations, keys) },
      };
    },
  };
}

/** What is said, with the annotations called as whoever hears it has spelled them. */
export function inTheirs(text: string, keys: Keys): string {
  return Object.entries(keys).reduce((said, [our, their]) => said.replaceAll(our, their), text);
}

export const findingsInTheirs = (findings: readonly Finding[], keys: Keys): readonly Finding[] =>
  Object.keys(keys).length === 0
    ? findings
    : findings.map((one) => ({
        ...one,
        message: inTheirs(one.message, keys),
        remedy: inTheirs(one.remedy, keys),
      }));
