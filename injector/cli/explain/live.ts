import { CodedError } from "../../../sidecar/kit/errors.ts";
import { missingAccount } from "../../decide/missing-account.ts";
import { excludedNamespaces } from "../../model/excluded-namespaces.ts";
import { serviceAccountIn } from "../../model/pod.ts";
import type { Fields } from "../../model/read.ts";
import { namespaceIn, templateOf } from "../../model/workload.ts";
import {
  nameOrThrow,
  readReferences,
  withCluster,
  type LiveCluster,
  type LiveOptions,
} from "../live/cluster.ts";
import { placedIn } from "../input/files.ts";
import { PODROLE_NAMESPACE, readConfigMap, type ConfigFrom, type Installation } from "../live/installed.ts";
import { knownFactsOf, type Given, type KnownFacts } from "../live/known-facts.ts";
import { parseReference } from "../live/reference.ts";
import { readKeys } from "./env-keys.ts";
import { explainHidden } from "./hidden.ts";
import { explain, type Explanation, type Setting } from "./explanation.ts";

/** Explanations of objects of a cluster, in the order in which they were asked for. */
export async function explainLive(
  references: readonly string[],
  options: LiveOptions,
  configFrom: ConfigFrom,
): Promise<readonly Explanation[]> {
  // First, so that a malformed reference is reported before a missing kubeconfig.
  references.forEach(parseReference);
  return withCluster(options, async (cluster) => {
    const namespace = nameOrThrow(options.namespace ?? cluster.namespace, "-n");
    const objects = await readReferences(references, namespace, cluster.read);
    const given = { objects: [], assumed: undefined };
    return explainAll(objects, given, { options, namespace, configFrom, cluster, isStored: true });
  });
}

/** Explanations of the pods of manifests, by the facts of a cluster where the manifests have none. */
export async function explainManifests(
  given: Given,
  options: LiveOptions,
  configFrom: ConfigFrom,
): Promise<readonly Explanation[]> {
  return withCluster(options, (cluster) => {
    const namespace = nameOrThrow(options.namespace ?? cluster.namespace, "-n");
    const objects = given.objects.filter((one) => templateOf(one) !== undefined);
    const placed = { ...given, objects: placedIn(given.objects, namespace) };
    return explainAll(objects, placed, { options, namespace, configFrom, cluster, isStored: false });
  });
}

interface Around {
  readonly options: LiveOptions;
  /** Of objects that name none. */
  readonly namespace: string;
  readonly configFrom: ConfigFrom;
  readonly cluster: LiveCluster;
  /** Whether the objects are in the cluster. */
  readonly isStored: boolean;
}

async function explainAll(
  objects: readonly Fields[],
  given: Given,
  { options, namespace: fallback, configFrom, cluster, isStored }: Around,
): Promise<readonly Explanation[]> {
  const podroleNamespace = nameOrThrow(options.podroleNamespace ?? PODROLE_NAMESPACE, "--podrole-namespace");
  // Those of webhook.excludeNamespaces are known to those only who may read the webhook.
  const excluded = new Set(excludedNamespaces(podroleNamespace));
  const reading = await readConfigMap(cluster.read, podroleNamespace);
  const installation = configFrom(reading);
  // With --config the settings are known, whatever the user may read.
  const settings = installation.problem === undefined || reading.hidden === undefined ? [] : [reading.hidden];
  const namespaceOf = (object: Fields): string => nameOrThrow(namespaceIn(object) ?? fallback, "-n");
  const all = new Map(
    await Promise.all(
      [...new Set(objects.map(namespaceOf))].map(
        async (name) => [name, await knownFactsOf(name, given, cluster.read)] as const,
      ),
    ),
  );
  return Promise.all(
    objects.map(async (object) => {
      const namespace = namespaceOf(object);
      const factsOf = all.get(namespace);
      if (factsOf === undefined) {
        throw new CodedError("NAMESPACE_NOT_FOUND", `There is no namespace ${namespace}.`, {
          remedy: "Choose another -n or --context.",
        });
      }
      const known = await factsOf(serviceAccountIn(templateOf(object)?.pod));
      const hidden = [...settings, ...known.hidden];
      const keysOf = await readKeys(object, namespace, given.objects, cluster.read);
      if (hidden.length === 0)
        return explainKnown(object, known, installation, { isStored, keysOf, excluded });
      // The webhook does not know the manifests.
      const asked = { namespace, hidden, given, keysOf };
      if (isStored) return explainHidden(object, { ...asked, known }, installation, cluster);
      const ofCluster = await knownFactsOf(namespace, { objects: [], assumed: undefined }, cluster.read);
      const alone = await ofCluster?.(serviceAccountIn(templateOf(object)?.pod));
      return explainHidden(
        object,
        { ...asked, known: alone, hidden: [...settings, ...(alone?.hidden ?? known.hidden)] },
        installation,
        cluster,
      );
    }),
  );
}

function explainKnown(
  object: Fields,
  { facts, sources }: KnownFacts,
  { config, assumptions }: Installation,
  { isStored, keysOf, excluded }: Pick<Required<Setting>, "isStored" | "keysOf" | "excluded">,
): Explanation {
  const all = isStored ? assumptions : [...assumptions, ...sources];
  const explanation = explain(object, facts, config, {
    where: "cluster",
    assumptions: all,
    isStored,
    keysOf,
    excluded,
  });
  const missing = missingAccount(serviceAccountIn(templateOf(object)?.pod), facts);
  return isStored ? explanation : { ...explanation, findings: [...explanation.findings, ...missing] };
}
