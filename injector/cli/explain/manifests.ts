import { CodedError } from "../../../sidecar/kit/errors.ts";
import { manifestCluster, type Assumptions } from "../../cluster/manifest-cluster.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { serviceAccountIn } from "../../model/pod.ts";
import { nameOf, type Fields } from "../../model/read.ts";
import { kindOf, namespaceIn, templateOf } from "../../model/workload.ts";
import { assumedWords, placedIn } from "../input/files.ts";
import { keysAmong } from "./env-from.ts";
import { explain, type Explanation } from "./explanation.ts";

interface ExplainDeps {
  readonly config: InjectorConfig;
  /** About the settings; sentences. */
  readonly assumptions?: readonly string[];
  readonly assumed: Assumptions;
  /** Namespace of objects that name none. */
  readonly namespace: string;
}

/**
 * An explanation of every pod and pod template among objects, which are taken for the cluster.
 * @throws CodedError `GRANT_INVALID`, and `NOTHING_TO_EXPLAIN` where none of them holds a pod
 */
export async function explainObjects(
  objects: readonly Fields[],
  { config, assumptions: ofSettings = [], assumed, namespace: fallback }: ExplainDeps,
): Promise<readonly Explanation[]> {
  requirePods(objects);
  const cluster = manifestCluster(placedIn(objects, fallback), assumed);
  const namespaces = new Set(objects.filter((one) => kindOf(one) === "Namespace").map(nameOf));
  const explanations = objects.flatMap((object) => {
    const template = templateOf(object);
    if (template === undefined) return [];
    const namespace = namespaceIn(object) ?? fallback;
    const account = serviceAccountIn(template.pod);
    const ofNamespace = namespaces.has(namespace)
      ? []
      : [`Namespace ${namespace} is not in the manifests; it is assumed to have ${assumedWords(assumed)}.`];
    const assumptions = [...ofSettings, ...ofNamespace];
    return [
      cluster.facts(namespace, account).then((facts) =>
        explain(object, facts, config, {
          where: "input",
          assumptions,
          keysOf: keysAmong(objects, namespace),
        }),
      ),
    ];
  });
  return Promise.all(explanations);
}

/** @throws CodedError `NOTHING_TO_EXPLAIN` */
export function requirePods(objects: readonly Fields[]): void {
  if (objects.some((one) => templateOf(one) !== undefined)) return;
  throw new CodedError("NOTHING_TO_EXPLAIN", "The manifests contain no pod and no workload.", {
    remedy: "Pass a Pod, a Deployment, a Job or the like.",
  });
}
