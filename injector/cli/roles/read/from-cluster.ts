import { CodedError } from "../../../../sidecar/kit/errors.ts";
import type { Fields } from "../../../model/read.ts";
import { nameOrThrow, withCluster, type LiveCluster } from "../../live/cluster.ts";
import type { Forbidden } from "../../live/forbidden.ts";
import { readConfigMap, type ConfigFrom, type Installation } from "../../live/installed.ts";
import { orHidden, valueOf } from "../../live/known-facts.ts";
import { readAll, readPages, type Read } from "../../live/reader.ts";
import { allGrants } from "../../live/surroundings.ts";
import { gatherer, reaches } from "../gather.ts";
import { wantsReach, type Options } from "../options.ts";
import { chosenIn, type Report } from "../report.ts";
import type { RoleRow } from "../rows/row.ts";
import { POD_IDENTITY, containerIdentity } from "../../../../sidecar/contract/session.ts";
import { readSessions, type Sessions } from "../sessions/read-sessions.ts";
import { surroundingsFrom, type Surroundings } from "./surroundings.ts";

/** Pods of a page. A pod of a service mesh has some 60 kB, and 500 of them are more than one answer may have. */
const PODS_OF_PAGE = 250;

/** Reads namespaces, service accounts, RoleGrants, settings and then the pods, each list once and in pages. */
export async function reportOfCluster(options: Options, configFrom: ConfigFrom, at: string): Promise<Report> {
  return withCluster(options, async (cluster) => {
    const namespace =
      options.allNamespaces === true ? undefined : nameOrThrow(options.namespace ?? cluster.namespace, "-n");
    const known = await knownOf(namespace, options, cluster, configFrom);
    const { surroundings, unknown, installation } = known;
    const gathering = gatherer({
      config: installation.config,
      factsOf: unknown === undefined ? surroundings.factsOf : () => undefined,
      choice: options,
      fallback: "default",
      image: unknown === undefined ? installation.config.image : undefined,
    });
    const path = namespace === undefined ? "/api/v1/pods" : `/api/v1/namespaces/${namespace}/pods`;
    await readPages(cluster.read, path, (page) => gathering.add(page.map(asPod)), { size: PODS_OF_PAGE });
    const gathered = gathering.done();
    const sessions = options.sessions
      ? await readSessions(gathered.askable, (...asked) => cluster.api.text(...asked))
      : undefined;
    const isReach = unknown === undefined && wantsReach(options);
    return {
      namespace,
      from: cluster.server,
      at,
      ...chosenIn(options),
      rows: gathered.rows.map((row) => withSession(row, sessions)),
      plain: gathered.plain,
      notHandled: gathered.notHandled,
      ...(isReach ? { reach: reaches(surroundings, gathered, options) } : {}),
      notes: [
        ...installation.assumptions,
        ...(unknown === undefined
          ? []
          : [
              `What the rules say now, and what could be taken (--reach), are left out, and roles are what the pods say: ${unknown}`,
            ]),
        ...(sessions?.notes ?? []),
      ],
    };
  });
}

interface Known {
  readonly surroundings: Surroundings;
  readonly installation: Installation;
  /** Why nobody knows what the rules say; a sentence. A decision by other settings or rules would be a false alarm. */
  readonly unknown: string | undefined;
}

async function knownOf(
  namespace: string | undefined,
  { podroleNamespace }: Options,
  { read }: LiveCluster,
  configFrom: ConfigFrom,
): Promise<Known> {
  const inScope = namespace === undefined ? "" : `/namespaces/${namespace}`;
  const [settings, namespaces, accounts, grants] = await Promise.all([
    readConfigMap(read, nameOrThrow(podroleNamespace, "--podrole-namespace")),
    orHidden(() => namespacesOf(namespace, read)),
    orHidden(() => readAll(read, `/api/v1${inScope}/serviceaccounts`)),
    orHidden(() => allGrants(read)),
  ]);
  const installation = configFrom(settings);
  const hidden = [grants, namespaces, accounts].flatMap((one) => ("hidden" in one ? [one.hidden] : []));
  const objects = {
    namespaces: valueOf(namespaces) ?? [],
    accounts: valueOf(accounts) ?? [],
    grants: valueOf(grants) ?? [],
  };
  return {
    surroundings: surroundingsFrom(objects, installation.config),
    installation,
    unknown: whyUnknown(hidden, installation),
  };
}

async function namespacesOf(namespace: string | undefined, read: Read): Promise<readonly Fields[]> {
  if (namespace === undefined) return (await readAll(read, "/api/v1/namespaces")) ?? [];
  const found = await read(`/api/v1/namespaces/${namespace}`);
  if (found !== undefined) return [found];
  throw new CodedError("NAMESPACE_NOT_FOUND", `There is no namespace ${namespace}.`, {
    remedy: "Choose another -n or --context, or -A for all.",
  });
}

function whyUnknown(
  [hidden]: readonly Forbidden[],
  { problem, lacksBase = false }: Installation,
): string | undefined {
  if (hidden !== undefined)
    return `${hidden.user} may not ${hidden.what}. ClusterRoles view and podrole-viewer have the rights for it.`;
  if (problem !== undefined) return `${problem}. Give --podrole-namespace, or the settings with --config.`;
  return lacksBase
    ? "the base of role names is known to the injector alone. Give --base-role-arn."
    : undefined;
}

/** Lists leave out what their items are. */
const asPod = (item: Fields): Fields => ({ ...item, apiVersion: "v1", kind: "Pod" });

function withSession(row: RoleRow, sessions: Sessions | undefined): RoleRow {
  const identity = row.container === undefined ? POD_IDENTITY : containerIdentity(row.container);
  const session = sessions?.of.get(`${row.namespace}/${row.name}`)?.get(identity);
  return session === undefined ? row : { ...row, session };
}
