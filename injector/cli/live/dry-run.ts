import { whyOf, type DryRunAnswer } from "../../cluster/api-server.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { fieldsIn, metadataOf, own, recordsIn, stringMap, type Fields } from "../../model/read.ts";
import { kindOf, templateOf } from "../../model/workload.ts";
import { forbiddenIn, type Forbidden } from "./forbidden.ts";
import type { LiveCluster } from "./cluster.ts";
import { READ_MS } from "./reader.ts";

/**
 * What admission says of a pod that is not made, or what the user may not do.
 * @throws CodedError `API_UNREACHABLE`
 */
export async function tryPod(
  pod: Fields,
  namespace: string,
  { api, server }: Pick<LiveCluster, "api" | "server">,
): Promise<DryRunAnswer | Forbidden> {
  try {
    // Longer than the longest time-out that a webhook can have.
    const signal = AbortSignal.timeout(5 * READ_MS);
    const answer = await api.dryRun(`/api/v1/namespaces/${namespace}/pods`, pod, 4 * READ_MS, signal);
    const forbidden = answer.status === 403 ? forbiddenIn(answer.said) : undefined;
    return forbidden ?? answer;
  } catch (error) {
    throw new CodedError(
      "API_UNREACHABLE",
      `The API server ${server} did not answer a dry run: ${whyOf(error)}.`,
      {
        remedy: "Try again.",
        cause: error,
      },
    );
  }
}

/**
 * The pod that a controller would make of the object, as it can be tried: without what only a pod that exists has, and with the
 * volumes that a StatefulSet adds for its claims.
 */
export function podToTry(object: Fields): Fields {
  const pod = templateOf(object)?.pod ?? object;
  const { labels, annotations } = metadataOf(pod);
  const spec = fieldsIn(pod, "spec");
  const { name } = stringMap(metadataOf(object));
  const { nodeName: _node, ephemeralContainers: _ephemeral, ...rest } = spec;
  const claims = kindOf(object) === "StatefulSet" ? claimVolumes(fieldsIn(object, "spec")) : [];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { generateName: `${name ?? "podrole"}-`, labels, annotations },
    spec: claims.length === 0 ? rest : { ...rest, volumes: [...recordsIn(spec, "volumes"), ...claims] },
  };
}

const claimVolumes = (spec: Fields): readonly Fields[] =>
  recordsIn(spec, "volumeClaimTemplates").map((claim) => {
    const name = own(metadataOf(claim), "name");
    return { name, persistentVolumeClaim: { claimName: name } };
  });
