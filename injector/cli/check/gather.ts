import { NAMESPACE_LABEL } from "../../../sidecar/contract/annotations.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { type Facts } from "../../model/facts.ts";
import type { GrantReading } from "../../cluster/grant-index.ts";
import { manifestCluster } from "../../cluster/manifest-cluster.ts";
import { decide } from "../../decide/decide.ts";
import { guardMode } from "../../model/guard-mode.ts";
import { isRecord, nameOf, own, type Fields } from "../../model/read.ts";
import { VERSION } from "../../model/version.ts";
import { CONFIG_MAP } from "../../config/config-map.ts";
import { INJECTOR } from "../live/deployment.ts";
import type { ConfigFrom } from "../live/installed.ts";
import type { LiveCluster } from "../live/cluster.ts";
import { noApiServer, PAGE, readAll, type Read } from "../live/reader.ts";
import { allGrants, factsOf, limitRangesOf, readable } from "../live/surroundings.ts";
import { gatherBroker, NO_BROKER } from "./broker/gather.ts";
import { usesBroker } from "./broker/used.ts";
import { CONTROLLER } from "./controller.ts";
import { chainIn } from "./certificates.ts";
import { tryPods } from "./dry-run.ts";
import { PODS_MAX, type CheckFacts, type DryRun, type PodsIn, type Reading } from "./facts.ts";
import { PLAIN, underPodrole } from "./namespaces.ts";
import { mapped, reading, unread } from "./reading.ts";
import { tlsSecretIn } from "./tls-secret.ts";

const CORE = "/api/v1/namespaces";
const ADMISSION = "/apis/admissionregistration.k8s.io/v1";
interface Asked {
  readonly podroleNamespace: string;
  /** Where pods are tried; undefined: in the first namespace that will do. */
  readonly namespace: string | undefined;
  readonly configFrom: ConfigFrom;
  readonly now: number;
}

/**
 * Everything that is judged, read at once. What cannot be read is a value as well, and stops nothing else.
 * @throws CodedError where the API server does not answer, or takes no credentials: nothing can be read then
 */
export async function gather(cluster: LiveCluster, asked: Asked): Promise<CheckFacts> {
  const { podroleNamespace: place, configFrom, now } = asked;
  const { read } = cluster;
  const serverVersion = await versionOf(cluster);
  const one = (path: string): Promise<Reading> => reading(() => read(path));
  const all = (path: string): Promise<Reading<readonly Fields[]>> => reading(() => readAll(read, path));

  const named = `${CORE}/${place}`;
  const deployment = await one(`/apis/apps/v1/namespaces/${place}/deployments/${INJECTOR}`);
  const configMap = await one(`${named}/configmaps/${CONFIG_MAP}`);
  const name = `ConfigMap ${place}/${CONFIG_MAP}`;
  const { config, problem } = configFrom({
    name,
    ...(configMap.kind === "found" ? { object: configMap.value } : {}),
    ...(configMap.kind === "unread" ? { why: configMap.why.replace(/\.$/, "") } : {}),
    ...(configMap.kind === "absent" ? { why: `There is no ${name}` } : {}),
  });
  const [
    crd,
    controller,
    service,
    endpointSlices,
    disruptionBudget,
    secret,
    webhooks,
    policies,
    bindings,
    labelled,
    grants,
    limitRanges,
  ] = await Promise.all([
    one("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/rolegrants.podrole.dev"),
    one(`/apis/apps/v1/namespaces/${place}/deployments/${CONTROLLER}`),
    one(`${named}/services/${INJECTOR}`),
    all(
      `/apis/discovery.k8s.io/v1/namespaces/${place}/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D${INJECTOR}`,
    ),
    one(`/apis/policy/v1/namespaces/${place}/poddisruptionbudgets/${INJECTOR}`),
    one(`${named}/secrets/${tlsSecretIn(deployment)}`),
    all(`${ADMISSION}/mutatingwebhookconfigurations`),
    all(`${ADMISSION}/validatingadmissionpolicies`),
    all(`${ADMISSION}/validatingadmissionpolicybindings`),
    all(`${CORE}?labelSelector=${encodeURIComponent(NAMESPACE_LABEL.key)}`),
    reading(() => allGrants(read)),
    all("/api/v1/limitranges"),
  ]);
  const broker = usesBroker(config) ? await gatherBroker(place, { one, all }, cluster) : NO_BROKER;
  const namespaces = await mapped(labelled, (found) => decidedBy(found.filter(stays), grants, limitRanges));
  const ours = namespaces.kind === "found" ? underPodrole(namespaces.value, place) : [];
  const forEach = <T>(work: () => Promise<T>): Promise<Reading<T>> =>
    namespaces.kind === "found" && ours.length > 0
      ? reading(work)
      : Promise.resolve(namespaces.kind === "found" ? { kind: "absent" } : namespaces);
  return {
    now,
    version: VERSION,
    server: cluster.server,
    podroleNamespace: place,
    config,
    configProblem: problem,
    serverVersion,
    crd,
    configMap,
    deployment,
    controller,
    service,
    endpointSlices,
    disruptionBudget,
    ...broker,
    grants,
    certificate: await mapped(secret, (found) => Promise.resolve(chainIn(found) ?? "")),
    webhooks,
    policies,
    bindings,
    namespaces,
    pods: await forEach(() => podsOf(ours, read)),
    tryIn: asked.namespace,
    dryRuns: await forEach<readonly DryRun[]>(() => {
      const known = { readings: valueOf(grants), objects: valueOf(labelled), read };
      const names = asked.namespace === undefined ? tryIn(ours, config) : [asked.namespace];
      return Promise.all(names.map((where) => tryPodsIn(where, ours, known, config, cluster)));
    }),
  };
}

/** In a namespace that is being deleted no pod can be made, whatever podrole would say to it. */
function stays(namespace: Fields): boolean {
  const metadata = own(namespace, "metadata");
  return !isRecord(metadata) || own(metadata, "deletionTimestamp") == null;
}

/** For each mode of the guard, the first where a pod could be made at all. */
function tryIn(ours: readonly Facts[], config: CheckFacts["config"]): readonly string[] {
  const byMode = Map.groupBy(ours, (facts) => guardMode(facts, config));
  const fit = [...byMode.values()].flatMap(
    (group) => group.find((facts) => decide(PLAIN, facts, config).kind === "inject") ?? [],
  );
  return (fit.length > 0 ? fit : ours.slice(0, 1)).map(({ namespace }) => namespace.name);
}

interface Known {
  readonly readings: readonly GrantReading[];
  readonly objects: readonly Fields[];
  readonly read: Read;
}

async function tryPodsIn(
  name: string,
  ours: readonly Facts[],
  { readings, objects, read }: Known,
  config: CheckFacts["config"],
  cluster: LiveCluster,
): Promise<DryRun> {
  const isOurs = ours.some(({ namespace }) => namespace.name === name);
  const object = isOurs ? objects.find((found) => nameOf(found) === name) : undefined;
  if (object === undefined) throw new Error(`namespace ${name} is not under podrole`);
  const surrounding = { readings, limitRanges: await limitRangesOf(name, read) };
  return tryPods(await factsOf(object, surrounding, "default", read), config, cluster);
}

const podsOf = (ours: readonly Facts[], read: Read): Promise<readonly PodsIn[]> =>
  Promise.all(
    ours.map(async ({ namespace: { name } }) => ({
      namespace: name,
      pods: await reading(() => readAll(read, `${CORE}/${name}/pods`, PODS_MAX / PAGE)),
    })),
  );

async function decidedBy(
  objects: readonly Fields[],
  grants: Reading<readonly GrantReading[]>,
  limitRanges: Reading<readonly Fields[]>,
): Promise<readonly Facts[]> {
  const as = (kind: string, found: readonly Fields[]): readonly Fields[] =>
    found.map((object) => ({ ...object, apiVersion: "v1", kind }));
  const known = [
    ...as("Namespace", objects),
    ...as("LimitRange", limitRanges.kind === "found" ? limitRanges.value : []),
  ];
  const cluster = manifestCluster(known, { labels: {}, annotations: {} });
  const names = objects.map(nameOf).sort();
  const facts = await Promise.all(names.map((name) => cluster.facts(name, "default")));
  return facts.map((one) => ({ ...one, grants: grants.kind === "found" ? readable(grants.value) : [] }));
}

function valueOf<T>(from: Reading<T>): T {
  if (from.kind === "found") return from.value;
  if (from.kind === "absent") throw new Error("there is none");
  throw from.refused === true ? new CodedError("API_REFUSED", from.why) : new Error(from.why);
}

/** First and alone: where nobody answers, or no credentials are taken, nothing else is worth a try. */
async function versionOf({ read, server }: LiveCluster): Promise<Reading> {
  try {
    const value = await read("/version");
    if (value !== undefined) return { kind: "found", value };
  } catch (error) {
    const untold = unread(error);
    if (untold.refused === true) return untold;
    throw error;
  }
  throw noApiServer(server, "it knows no /version");
}
