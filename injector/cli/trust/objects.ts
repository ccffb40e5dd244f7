import { coded, CodedError } from "../../../sidecar/kit/errors.ts";
import { Refusal } from "../../cluster/api-server.ts";
import { manifestCluster } from "../../cluster/manifest-cluster.ts";
import type { Facts } from "../../model/facts.ts";
import { serviceAccountIn } from "../../model/pod.ts";
import type { Fields } from "../../model/read.ts";
import { namespaceIn, templateOf } from "../../model/workload.ts";
import type { Io } from "../io.ts";
import { assumingBroker, withAnyCa } from "../input/assumed-broker.ts";
import { assumptionsFrom, objectsIn, readManifests } from "../input/files.ts";
import { givenSettings } from "../input/settings.ts";
import type { LiveCluster } from "../live/cluster.ts";
import { installationFrom, readConfigMap, type ConfigFrom, type Installation } from "../live/installed.ts";
import { parseReference } from "../live/reference.ts";
import type { Options } from "./options.ts";

/** Objects that hold pods, with the facts that decide about them. */
export interface Objects {
  readonly objects: readonly { readonly object: Fields; readonly facts: Facts }[];
  readonly installation: Installation;
  readonly problems: readonly string[];
}

/** @throws CodedError `NOTHING_TO_EXPLAIN` */
export async function ofManifests(
  files: readonly string[],
  options: Options,
  stdin: Io["stdin"],
): Promise<Objects> {
  const { config } = assumingBroker(await givenSettings(options));
  const input = objectsIn(await readManifests(files, stdin));
  const cluster = manifestCluster(input, assumptionsFrom(options));
  const objects = await Promise.all(
    input.flatMap((object) => {
      const template = templateOf(object);
      if (template === undefined) return [];
      const namespace = namespaceIn(object) ?? options.namespace ?? "default";
      return [cluster.facts(namespace, serviceAccountIn(template.pod)).then((facts) => ({ object, facts }))];
    }),
  );
  if (objects.length === 0) {
    throw new CodedError("NOTHING_TO_EXPLAIN", "The manifests contain no pod and no workload.");
  }
  return { objects, installation: { config, assumptions: [] }, problems: [] };
}

/** @param references of objects; none: all of the cluster */
export async function ofCluster(references: readonly string[], options: Options): Promise<Objects> {
  // Only here: the Kubernetes client takes longer to load than everything else takes to run.
  const { readObjects, withCluster } = await import("../live/cluster.ts");
  references.forEach(parseReference);
  const settings = installationFrom(await givenSettings(options));
  return withCluster(options, async (cluster) => {
    const { objects, installation, problems } =
      references.length === 0
        ? await ofWholeCluster(cluster, options, settings)
        : {
            ...(await readObjects(references, options, cluster, settings).catch(throwWithOtherForms)),
            problems: [],
          };
    return { objects, installation: { ...installation, config: withAnyCa(installation.config) }, problems };
  });
}

/** Tenants may not read the RoleGrants. The other forms need less. */
function throwWithOtherForms(error: unknown): never {
  const { code, message, cause } = coded(error);
  if (!(cause instanceof Refusal && cause.status === 403)) throw error;
  throw new CodedError(code, message, {
    remedy:
      "Give the pods' manifests with -f, or role and service account: --role ARN -n NAMESPACE --service-account NAME. " +
      "Or use a kubeconfig whose user may read it, such as one with ClusterRole podrole-viewer.",
    cause,
  });
}

async function ofWholeCluster(
  { read }: LiveCluster,
  { podroleNamespace, namespace }: Options,
  settings: ConfigFrom,
): Promise<Objects> {
  if (namespace !== undefined) throw new CodedError("USAGE", "-A is for all namespaces: take -n off.");
  const { everyObject } = await import("../live/every-object.ts");
  const installation = settings(await readConfigMap(read, podroleNamespace));
  return { ...(await everyObject(read)), installation };
}
