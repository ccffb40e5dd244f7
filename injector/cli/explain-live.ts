import { clusterInOurs, type Keys } from "../keys.ts";
import { CodedError } from "../../sidecar/kit/errors.ts";
import { apiServer, Refusal, whyOf, type ApiServer } from "../api-server.ts";
import { manifestCluster, type Facts } from "../cluster.ts";
import type { InjectorConfig } from "../config.ts";
import type { Grant } from "../grant.ts";
import { grantIndex, readGrant, type GrantReading } from "../grant-index.ts";
import { pageOf } from "../list-watch.ts";
import { serviceAccountIn } from "../pod.ts";
import { isRecord, type Fields } from "../read.ts";
import { templateOf } from "../workload.ts";
import { kubeConfigFrom, namespaceOf, type KubeOptions } from "./kubeconfig.ts";
import { explain, type Explanation } from "./explain-pod.ts";
import { isName, parseReference, pathOf } from "./explain-reference.ts";

const CORE = "/api/v1/namespaces";
const GRANTS = "/apis/podrole.dev/v1alpha1/rolegrants";
/** As many as kubectl asks for at once. */
const PAGE = 500;
/** For one read. A person waits for it, not an admission. */
const READ_MS = 10_000;

/** Explanations of objects of a cluster, in the order in which they were asked for. */
export async function explainLive(
  references: readonly string[],
  options: KubeOptions & { readonly namespace?: string },
  config: InjectorConfig,
): Promise<readonly Explanation[]> {
  const parsed = references.map(parseReference);
  const kube = kubeConfigFrom(options);
  const namespace = options.namespace ?? namespaceOf(kube) ?? "default";
  if (!isName(namespace)) {
    const message = `${JSON.stringify(namespace.slice(0, 120))} can be no namespace's name.`;
    throw new CodedError("REFERENCE_INVALID", message, { remedy: "Correct -n." });
  }
  const api = apiServer(kube);
  const read = reader(api, kube.getCurrentCluster()?.server ?? "");
  try {
    const objects = await Promise.all(
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
    const surroundings = await surroundingsOf(namespace, read, config.keys);
    return await Promise.all(
      objects.map(async (object) => {
        const facts = await surroundings(serviceAccountIn(templateOf(object)?.pod));
        return explain(object, facts, config, { where: "cluster", assumptions: [AS_INSTALLED] });
      }),
    );
  } finally {
    api.close();
  }
}

/** An injector's options are told to nobody but itself. */
const AS_INSTALLED = "The cluster's injector is taken to have the options of this command line.";

/** One GET; undefined where there is no such thing. */
type Read = (path: string) => Promise<Fields | undefined>;

const reader =
  (api: ApiServer, server: string): Read =>
  async (path) => {
    try {
      const object = await api.get(path, READ_MS, AbortSignal.timeout(2 * READ_MS));
      if (!isRecord(object)) throw new Error("the answer is no object");
      return object;
    } catch (error) {
      if (!(error instanceof Refusal)) {
        throw new CodedError(
          "API_UNREACHABLE",
          `The API server ${server} could not be asked: ${whyOf(error)}.`,
          {
            remedy: "See whether kubectl get namespaces works with the same kubeconfig and context.",
            cause: error,
          },
        );
      }
      if (error.status === 404) return undefined;
      const said = error.said === "" ? "" : `: ${error.said.replace(/\.$/, "")}`;
      throw new CodedError(
        "API_REFUSED",
        `The API server refuses GET ${path} with HTTP ${error.status}${said}.`,
        {
          remedy: "Use a kubeconfig whose user may read it, or explain the manifests with -f.",
          cause: error,
        },
      );
    }
  };

/** What a namespace's pods are decided by, but for their service accounts, which are read one by one. */
async function surroundingsOf(
  namespace: string,
  read: Read,
  keys: Keys,
): Promise<(serviceAccount: string) => Promise<Facts>> {
  const [found, readings] = await Promise.all([read(`${CORE}/${namespace}`), allGrants(read)]);
  if (found === undefined) {
    throw new CodedError("NAMESPACE_NOT_FOUND", `There is no namespace ${namespace}.`, {
      remedy: "Choose another -n or --context.",
    });
  }
  return async (name) => {
    const account = isName(name) ? await read(`${CORE}/${namespace}/serviceaccounts/${name}`) : undefined;
    const objects = [
      { ...found, apiVersion: "v1", kind: "Namespace" },
      ...(account === undefined ? [] : [{ ...account, apiVersion: "v1", kind: "ServiceAccount" }]),
    ];
    const facts = await clusterInOurs(manifestCluster(objects, { labels: {}, annotations: {} }), keys).facts(
      namespace,
      name,
    );
    // Throws where one that cannot be read may be about this namespace, as in the webhook.
    grantIndex(readings).covering(facts.namespace);
    return { ...facts, grants: readable(readings) };
  };
}

/** All grants, those of other namespaces too: one of them may have been meant. By name, as the webhook has them. */
const readable = (readings: readonly GrantReading[]): readonly Grant[] =>
  readings
    .flatMap((reading) => (reading.kind === "grant" ? [reading.grant] : []))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

/** None where the CRD is not installed. */
async function allGrants(read: Read): Promise<readonly GrantReading[]> {
  const readings: GrantReading[] = [];
  let next: string | undefined = "";
  while (next !== undefined) {
    const more = next === "" ? "" : `&continue=${encodeURIComponent(next)}`;
    const list = await read(`${GRANTS}?limit=${PAGE}${more}`);
    if (list === undefined) return readings;
    const page = pageOf(list);
    readings.push(...page.items.map(readGrant));
    next = page.next;
  }
  return readings;
}
