import { isDeepStrictEqual } from "node:util";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { oneLine } from "../../sidecar/kit/errors.ts";
import { AnswerTooLong } from "../cluster/body.ts";
import { METADATA_ONLY, Refusal, type ApiServer } from "../cluster/api-server.ts";
import { readGrant, type GrantReading } from "../cluster/grant-index.ts";
import { neverMatching } from "../model/grant.ts";
import { GRANT_LABEL, grantOfRule } from "../model/grant-label.ts";
import { fieldsIn, isRecord, metadataOf, own, recordsIn, stringMap, type Fields } from "../model/read.ts";

export interface GrantStatusDeps {
  readonly api: Pick<ApiServer, "get" | "patch">;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Of the installation, and the name of the ConfigMap with its settings. */
  readonly namespace: string;
  readonly configMap: string;
}

const GRANTS = "/apis/podrole.dev/v1alpha1/rolegrants";
const REQUEST_MS = 60_000;
const PAGE_SIZE = 500;

/**
 * One round: writes what `kubectl get rolegrants` shows, namely whether podrole can read a grant, whether all of it can
 * match, and how many pods use it. Only what differs is written, and nothing else depends on it. However many namespaces
 * there are, this is one list of grants and one of labelled pods.
 * Needs list on pods, list on rolegrants, patch on rolegrants/status and get on the ConfigMap.
 * @throws Refusal or Error as the API server's client does
 */
export async function updateGrants(deps: GrantStatusDeps, signal: AbortSignal): Promise<void> {
  const { api, now } = deps;
  const grants: Fields[] = [];
  await listed(api, GRANTS, signal, (grant) => void grants.push(grant)).catch(nothingWithoutCrd);
  if (grants.length === 0) return;
  const uses = new Map<string, number>();
  const running = "status.phase!=Succeeded,status.phase!=Failed";
  const pods = `/api/v1/pods?labelSelector=${encodeURIComponent(GRANT_LABEL)}&fieldSelector=${encodeURIComponent(running)}`;
  await listed(
    api,
    pods,
    signal,
    (pod) => {
      for (const grant of grantsOf(pod)) uses.set(grant, (uses.get(grant) ?? 0) + 1);
    },
    METADATA_ONLY,
  );
  const hasBase = await isBaseSet(deps, signal);
  let failure: Error | undefined;
  for (const grant of grants) {
    const name = nameIn(grant);
    const status = statusOf(grant, { podsUsing: uses.get(name) ?? 0, hasBase, nowMs: now() });
    if (isDeepStrictEqual(status, own(grant, "status"))) continue;
    try {
      await api.patch(`${GRANTS}/${name}/status`, { status }, REQUEST_MS, signal).catch(unlessDeleted);
    } catch (error) {
      // One that the API server does not take, such as a grant of before the CRD was changed, must not keep back the others.
      // Where it takes none, one is enough.
      if (!(error instanceof Refusal && error.status === 422)) throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
}

/** The CRD need not be installed; there are no grants then, and nothing is wrong. */
function nothingWithoutCrd(error: unknown): void {
  if (!(error instanceof Refusal && error.status === 404)) throw error;
}

const unlessDeleted = nothingWithoutCrd;

/**
 * Whether the settings have a base ARN, without which names of roles match nothing. Where they cannot be read another task says so,
 * and no grant is blamed.
 */
async function isBaseSet({ api, namespace, configMap }: GrantStatusDeps, signal: AbortSignal) {
  const path = `/api/v1/namespaces/${namespace}/configmaps/${configMap}`;
  const object = await api.get(path, REQUEST_MS, signal).catch((error: unknown) => {
    if (error instanceof Refusal) return undefined;
    throw error;
  });
  return !isRecord(object) || (stringMap(own(object, "data"))["baseRoleArn"] ?? "") !== "";
}

interface Around {
  readonly podsUsing: number;
  readonly hasBase: boolean;
  readonly nowMs: number;
}

/**
 * The status to write for a grant. A condition keeps the time of its last change, so that nothing is written where
 * nothing has changed.
 */
export function statusOf(grant: Fields, { podsUsing, hasBase, nowMs }: Around): Fields {
  const generation = metadataOf(grant)["generation"];
  const condition = {
    type: "Valid",
    ...validity(readGrant(grant), hasBase),
    ...(typeof generation === "number" ? { observedGeneration: generation } : {}),
  };
  const before = recordsIn(fieldsIn(grant, "status"), "conditions").find(
    (one) => own(one, "type") === "Valid",
  );
  const since =
    before !== undefined && own(before, "status") === condition.status
      ? own(before, "lastTransitionTime")
      : undefined;
  const lastTransitionTime =
    typeof since === "string" ? since : new Date(nowMs).toISOString().replace(/\.\d+Z$/, "Z");
  return { conditions: [{ ...condition, lastTransitionTime }], podsUsing };
}

/** How many entries that can never match are named. */
const NAMED_MAX = 5;

function validity(reading: GrantReading, hasBase: boolean) {
  if (reading.kind === "unreadable") {
    const message = `${oneLine(reading.error)} Until then, podrole denies the pods that it may cover.`;
    return { status: "False", reason: "Unreadable", message };
  }
  const never = neverMatching(reading.grant, hasBase);
  if (never.length === 0) {
    return { status: "True", reason: "Readable", message: "podrole applies this grant." };
  }
  const more = never.length > NAMED_MAX ? `, and ${never.length - NAMED_MAX} more like these` : "";
  const message = `The grant ${never.slice(0, NAMED_MAX).join("; it ")}${more}. podrole applies the rest of it.`;
  return { status: "False", reason: "NeverMatches", message };
}

/**
 * The grants that allowed a pod its roles, by its status annotation: in labelled namespaces nobody but podrole writes that.
 * Elsewhere anybody who makes pods can, so that the count is a hint for people.
 */
function grantsOf(pod: Fields): ReadonlySet<string> {
  const raw = stringMap(metadataOf(pod)["annotations"])[ANNOTATION.status] ?? "{}";
  try {
    const status: unknown = JSON.parse(raw);
    if (!isRecord(status)) return new Set();
    const containers = Object.values(fieldsIn(status, "containers")).filter(isRecord);
    const rules = [status, ...containers].map((one) => own(one, "rule"));
    return new Set(rules.flatMap((rule) => (typeof rule === "string" ? (grantOfRule(rule) ?? []) : [])));
  } catch {
    return new Set();
  }
}

function nameIn(object: Fields): string {
  const name = metadataOf(object)["name"];
  return typeof name === "string" ? name : "";
}

/**
 * All of a list, page by page; no more than one page is kept. With `resourceVersion=0` the API server answers from its watch
 * cache and does not ask etcd, at whatever version it has: figures for people need no newer one. It may then ignore the limit
 * and send everything in one page, as 1.36 does: 1.2 kB a pod, 59 bytes with gzip (measured). A limit without it would
 * have servers before 1.34 read all pods from etcd, so that is done only where one page is too long. A page after the first
 * must not name a version.
 */
async function listed(
  api: GrantStatusDeps["api"],
  path: string,
  signal: AbortSignal,
  take: (object: Fields) => void,
  accept?: string,
): Promise<void> {
  let [limit, from] = [PAGE_SIZE, "&resourceVersion=0"];
  for (;;) {
    const url = `${path}${path.includes("?") ? "&" : "?"}limit=${limit}${from}`;
    let page: unknown;
    try {
      page = await api.get(url, REQUEST_MS, signal, accept);
    } catch (error) {
      if (!(error instanceof AnswerTooLong) || limit === 1) throw error;
      // Annotations may be large: anybody who makes pods can label them, and write 256 KiB into each.
      if (from.includes("resourceVersion")) from = "";
      else limit = Math.ceil(limit / 8);
      continue;
    }
    // An empty list of metadata is null.
    const items = isRecord(page) ? own(page, "items") : undefined;
    if (Array.isArray(items)) items.filter(isRecord).forEach(take);
    const next = isRecord(page) ? metadataOf(page)["continue"] : undefined;
    if (typeof next !== "string" || next === "") return;
    from = `&continue=${encodeURIComponent(next)}`;
  }
}
