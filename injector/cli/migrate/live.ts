import { coded } from "../../../sidecar/kit/errors.ts";
import { Refusal } from "../../cluster/api-server.ts";
import type { Fields } from "../../model/read.ts";
import type { LiveCluster } from "../live/cluster.ts";
import { forbiddenIn, type Forbidden } from "../live/forbidden.ts";
import { readConfigMap, type ConfigMapReading } from "../live/installed.ts";
import { LISTS as LISTS_WITH_PODS } from "../live/reference.ts";
import { readAll, type Read } from "../live/reader.ts";
import { IRSA_IMAGE } from "./from/irsa.ts";
import { KIAM_IMAGE } from "./from/kiam.ts";
import { KUBE2IAM_IMAGE } from "./from/kube2iam.ts";
import type { OriginName } from "./from/origin.ts";
import { findTool } from "./from/tool-args.ts";
import type { Input } from "./input.ts";

export interface LiveInput extends Input {
  /** Of podrole, if it is installed already. */
  readonly settings: ConfigMapReading;
}

const FACTS = [
  { path: "/api/v1/namespaces", apiVersion: "v1", kind: "Namespace", namespaced: false },
  { path: "/api/v1/serviceaccounts", apiVersion: "v1", kind: "ServiceAccount", namespaced: true },
  { path: "/api/v1/limitranges", apiVersion: "v1", kind: "LimitRange", namespaced: true },
  {
    path: "/apis/podrole.dev/v1alpha1/rolegrants",
    apiVersion: "podrole.dev/v1alpha1",
    kind: "RoleGrant",
    namespaced: false,
  },
];
/** A PodTemplate runs no pods by itself, and viewers may not read it. */
const LISTS = LISTS_WITH_PODS.filter(({ kind }) => kind !== "PodTemplate");
const KINDS_OF_TOOLS: ReadonlySet<string> = new Set(["Deployment", "DaemonSet"]);

/**
 * What a cluster holds, by reads alone and page by page. What the user may not read is left out, and named.
 * @param only the one namespace to read; undefined: all
 * @throws CodedError of another cause than the user's rights
 */
export async function readCluster(
  cluster: LiveCluster,
  origin: OriginName,
  only: string | undefined,
  podroleNamespace: string,
): Promise<LiveInput> {
  const { read } = cluster;
  const hidden: Forbidden[] = [];
  const orHidden = async <T>(work: Promise<T>, path = "", where = ""): Promise<T | undefined> => {
    try {
      return await work;
    } catch (error) {
      const { cause } = coded(error);
      const forbidden =
        cause instanceof Refusal && cause.status === 403 ? forbiddenIn(cause.said) : undefined;
      if (forbidden === undefined) throw error;
      if (!(await isServed(path, read))) return undefined;
      hidden.push({ ...forbidden, what: `${forbidden.what}${where}` });
      return undefined;
    }
  };
  const inOne = (path: string): string => {
    const at = path.lastIndexOf("/");
    const [start, kind] = [path.slice(0, at), path.slice(at)];
    return `${start}/namespaces/${only}${kind}`;
  };
  const listed = async (
    path: string,
    apiVersion: string,
    kind: string,
    where?: string,
  ): Promise<readonly Fields[]> =>
    // Lists leave out what their items are.
    ((await orHidden(readAll(read, path), path, where)) ?? []).map((object) => ({
      ...object,
      apiVersion,
      kind,
    }));
  const namespaceAlone = async (): Promise<readonly Fields[]> => {
    const found = await orHidden(read(`/api/v1/namespaces/${only}`));
    return found === undefined ? [] : [{ ...found, apiVersion: "v1", kind: "Namespace" }];
  };
  const all = await Promise.all([
    ...FACTS.map(({ path, apiVersion, kind, namespaced }) =>
      only !== undefined && kind === "Namespace"
        ? namespaceAlone()
        : listed(only !== undefined && namespaced ? inOne(path) : path, apiVersion, kind),
    ),
    ...LISTS.map(({ path, apiVersion, kind }) =>
      listed(only === undefined ? path : inOne(path), apiVersion, kind),
    ),
    // The tool itself is in a namespace of its own.
    ...(only === undefined ? [] : LISTS.filter(({ kind }) => KINDS_OF_TOOLS.has(kind))).map(
      async ({ path, apiVersion, kind }) =>
        findTools(await listed(path, apiVersion, kind, " in all namespaces"), origin),
    ),
  ]);
  const objects = all.flat();
  const maps = origin === "irsa" ? await orHidden(webhookConfigMap(cluster, objects)) : [];
  const settings = await readConfigMap(read, podroleNamespace);
  return { objects: [...objects, ...(maps ?? [])], hidden: distinct(hidden), settings };
}

const findTools = (objects: readonly Fields[], origin: OriginName): readonly Fields[] =>
  objects.filter((one) => findTool([one], TOOL_IMAGES[origin]).length > 0);

const TOOL_IMAGES: Readonly<Record<OriginName, RegExp>> = {
  kube2iam: KUBE2IAM_IMAGE,
  kiam: KIAM_IMAGE,
  irsa: IRSA_IMAGE,
};

/** The ConfigMap with roles that a webhook of the cluster's own may read, which is in its namespace. */
async function webhookConfigMap(
  { read }: LiveCluster,
  objects: readonly Fields[],
): Promise<readonly Fields[]> {
  const [found] = findTool(objects, IRSA_IMAGE);
  const [, namespace] = /^\S+ ([a-z0-9-]+)\//.exec(found?.object ?? "") ?? [];
  if (found === undefined || namespace === undefined) return [];
  if (!found.words.some((word) => /^--?watch-config-map/.test(word))) return [];
  const object = await read(`/api/v1/namespaces/${namespace}/configmaps/pod-identity-webhook`);
  return object === undefined ? [] : [{ ...object, apiVersion: "v1", kind: "ConfigMap" }];
}

/** Whether the API server has this kind: what a user may do is asked before that, so a kind that is not there is forbidden, too. */
async function isServed(path: string, read: Read): Promise<boolean> {
  const group = /^\/apis\/[^/]+\/[^/]+/.exec(path)?.[0];
  return group === undefined || (await read(group)) !== undefined;
}

const distinct = (hidden: readonly Forbidden[]): readonly Forbidden[] => [
  ...new Map(hidden.map((one) => [one.what, one])).values(),
];
