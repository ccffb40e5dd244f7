import { CodedError } from "../../../sidecar/kit/errors.ts";
import { apiServer, type ApiServer } from "../../cluster/api-server.ts";
import type { Facts } from "../../model/facts.ts";
import { serviceAccountIn } from "../../model/pod.ts";
import type { Fields } from "../../model/read.ts";
import { templateOf } from "../../model/workload.ts";
import { accessOf } from "./access.ts";
import { isName, parseReference, pathOf } from "./reference.ts";
import { PODROLE_NAMESPACE, readConfigMap, type ConfigFrom, type Installation } from "./installed.ts";
import { kubeConfigFrom, namespaceOf, type KubeOptions } from "./kubeconfig.ts";
import { reader, type Read } from "./reader.ts";
import { surroundingsOf } from "./surroundings.ts";

export interface LiveOptions extends KubeOptions {
  readonly namespace?: string;
  readonly podroleNamespace?: string;
}

/** A connection to the cluster of a kubeconfig. */
export interface LiveCluster {
  readonly api: ApiServer;
  readonly read: Read;
  /** URL of the API server. */
  readonly server: string;
  /** The kubeconfig's context that is used. */
  readonly context: string;
  /** Of the kubeconfig's context. */
  readonly namespace: string;
}

/** @throws CodedError where there is no kubeconfig that can be used; nothing has been asked by then */
export async function withCluster<T>(
  options: KubeOptions,
  work: (cluster: LiveCluster) => Promise<T>,
): Promise<T> {
  const kube = kubeConfigFrom(options);
  const api = apiServer(accessOf(kube));
  const server = kube.getCurrentCluster()?.server ?? "";
  try {
    const context = kube.getCurrentContext();
    const namespace = namespaceOf(kube) ?? "default";
    return await work({ api, server, context, read: reader(api, server), namespace });
  } finally {
    api.close();
  }
}

export interface LiveObjects {
  /** In the order in which they were asked for. */
  readonly objects: readonly { readonly object: Fields; readonly facts: Facts }[];
  readonly installation: Installation;
}

/** Objects that contain a pod, with the facts that decide about them. */
export async function readObjects(
  references: readonly string[],
  options: LiveOptions,
  cluster: LiveCluster,
  configFrom: ConfigFrom,
): Promise<LiveObjects> {
  const namespace = nameOrThrow(options.namespace ?? cluster.namespace, "-n");
  const podroleNamespace = nameOrThrow(options.podroleNamespace ?? PODROLE_NAMESPACE, "--podrole-namespace");
  const { read } = cluster;
  const found = await readReferences(references, namespace, read);
  const installation = configFrom(await readConfigMap(read, podroleNamespace));
  const surroundings = await surroundingsOf(namespace, read);
  const objects = await Promise.all(
    found.map(async (object) => ({
      object,
      facts: await surroundings(serviceAccountIn(templateOf(object)?.pod)),
    })),
  );
  return { objects, installation };
}

/**
 * Objects that contain a pod, as they are in the cluster.
 * @throws CodedError `REFERENCE_INVALID`, `OBJECT_NOT_FOUND` or `NOTHING_TO_EXPLAIN`
 */
export async function readReferences(
  references: readonly string[],
  namespace: string,
  read: Read,
): Promise<readonly Fields[]> {
  const parsed = references.map(parseReference);
  return Promise.all(
    parsed.map(async (reference) => {
      const object = await read(pathOf(reference, namespace));
      if (object !== undefined && templateOf(object) !== undefined) return object;
      const what = `${reference.kind} ${namespace}/${reference.name}`;
      throw object === undefined
        ? new CodedError("OBJECT_NOT_FOUND", `There is no ${what}.`, {
            remedy: `See kubectl get ${reference.kind} -n ${namespace}, or choose another -n.`,
          })
        : new CodedError("NOTHING_TO_EXPLAIN", `The ${what} holds no pod.`);
    }),
  );
}

/** @throws CodedError `REFERENCE_INVALID`: any other text would lead to another path */
export function nameOrThrow(name: string, flag: string): string {
  if (isName(name)) return name;
  const message = `${JSON.stringify(name.slice(0, 120))} is not a namespace name.`;
  throw new CodedError("REFERENCE_INVALID", message, { remedy: `Correct ${flag}.` });
}
