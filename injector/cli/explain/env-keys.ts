import { coded } from "../../../sidecar/kit/errors.ts";
import { fieldsIn, recordsIn, type Fields } from "../../model/read.ts";
import { templateOf } from "../../model/workload.ts";
import type { Read } from "../live/reader.ts";
import { isName } from "../live/reference.ts";
import { envSourcesOf, keysAmong, keysIn, type EnvSource, type KeysOf } from "./env-from.ts";

const PATHS = { ConfigMap: "configmaps", Secret: "secrets" } as const;

/**
 * The keys of what a pod's containers take variables from: of the manifests, else of the cluster. Of what is read only the names of
 * the keys are kept. What may not be read is unknown.
 */
export async function readKeys(
  object: Fields,
  namespace: string,
  manifests: readonly Fields[],
  read: Read,
): Promise<KeysOf> {
  const spec = fieldsIn(templateOf(object)?.pod ?? object, "spec");
  const among = keysAmong(manifests, namespace);
  const sources = envSourcesOf(["initContainers", "containers"].flatMap((list) => recordsIn(spec, list)));
  const known = new Map(
    await Promise.all(
      sources.map(
        async (one) => [keyOf(one), among(one) ?? (await keysOfOne(one, namespace, read))] as const,
      ),
    ),
  );
  return (one) => known.get(keyOf(one));
}

const keyOf = ({ kind, name }: EnvSource): string => `${kind}/${name}`;

async function keysOfOne(
  { kind, name }: EnvSource,
  namespace: string,
  read: Read,
): Promise<readonly string[] | undefined> {
  if (!isName(name)) return undefined;
  try {
    const object = await read(`/api/v1/namespaces/${namespace}/${PATHS[kind]}/${name}`);
    return object === undefined ? [] : keysIn(object);
  } catch (error) {
    if (coded(error).code === "API_REFUSED") return undefined;
    throw error;
  }
}
