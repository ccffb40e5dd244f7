import { explain, type Explanation } from "./explanation.ts";
import { parseReference } from "../live/reference.ts";
import type { ConfigFrom } from "../live/installed.ts";
import { readObjects, withCluster, type LiveOptions } from "../live/cluster.ts";

/** Explanations of objects of a cluster, in the order in which they were asked for. */
export async function explainLive(
  references: readonly string[],
  options: LiveOptions,
  configFrom: ConfigFrom,
): Promise<readonly Explanation[]> {
  // First, so that a malformed reference is reported before a missing kubeconfig.
  references.forEach(parseReference);
  return withCluster(options, async (cluster) => {
    const { objects, installation } = await readObjects(references, options, cluster, configFrom);
    const { config, assumptions } = installation;
    return objects.map(({ object, facts }) =>
      explain(object, facts, config, { where: "cluster", assumptions }),
    );
  });
}
