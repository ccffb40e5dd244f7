import { isDeepStrictEqual } from "node:util";
import { ANNOTATION, NAMESPACE_LABEL } from "../../sidecar/contract/annotations.ts";
import type { Clock } from "../../sidecar/kit/clock.ts";
import { oneLine } from "../../sidecar/kit/errors.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import { METADATA_ONLY, Refusal, whyOf, type ApiServer } from "../cluster/api-server.ts";
import { readGrant } from "../cluster/grant-index.ts";
import { fieldsIn, isRecord, metadataOf, own, recordsIn, stringMap, type Fields } from "../model/read.ts";

export interface GrantStatusDeps {
  readonly api: Pick<ApiServer, "get" | "patch">;
  readonly clock: Clock;
  readonly log: Log;
}

const GRANTS = "/apis/podrole.dev/v1alpha1/rolegrants";
/** The figures are for people; a look at every pod's metadata is not to be had for nothing. */
const INTERVAL_MS = 60_000;
const REQUEST_MS = 10_000;
const PAGE_SIZE = 500;

/**
 * Writes what `kubectl get rolegrants` shows: whether podrole can read a grant, and how many pods use it. Every replica
 * does so, since all come to the same and write only what differs; nothing else depends on it.
 * Needs list on pods and namespaces, list on rolegrants and patch on rolegrants/status.
 */
export async function keepGrantStatus(deps: GrantStatusDeps, signal: AbortSignal): Promise<void> {
  const { clock, log } = deps;
  let trouble = "";
  while (!signal.aborted) {
    const before = trouble;
    trouble = await updateGrants(deps, signal).then(() => "", whyOf);
    if (trouble !== before && !signal.aborted) {
      if (trouble === "") log.info("grant status is written again");
      else log.warn({ why: trouble }, "grant status cannot be written");
    }
    await clock.sleep(INTERVAL_MS, signal);
  }
}

/** One round. @throws Refusal or Error as the API server's client does */
export async function updateGrants({ api, clock }: GrantStatusDeps, signal: AbortSignal): Promise<void> {
  const grants = await listed(api, GRANTS, signal).catch(noneWithoutCrd);
  if (grants.length === 0) return;
  const selector = encodeURIComponent(`${NAMESPACE_LABEL.key}=${NAMESPACE_LABEL.value}`);
  const namespaces = await listed(api, `/api/v1/namespaces?labelSelector=${selector}`, signal, METADATA_ONLY);
  const uses = new Map<string, number>();
  for (const namespace of namespaces.map(nameIn)) {
    const running = encodeURIComponent("status.phase!=Succeeded,status.phase!=Failed");
    const path = `/api/v1/namespaces/${namespace}/pods?fieldSelector=${running}`;
    const pods = await listed(api, path, signal, METADATA_ONLY);
    for (const grant of pods.flatMap(grantOf)) uses.set(grant, (uses.get(grant) ?? 0) + 1);
  }
  for (const grant of grants) {
    const status = statusOf(grant, uses.get(nameIn(grant)) ?? 0, clock.now());
    if (isDeepStrictEqual(status, own(grant, "status"))) continue;
    await api.patch(`${GRANTS}/${nameIn(grant)}/status`, { status }, REQUEST_MS, signal);
  }
}

/** The CRD need not be installed; there are no grants then, and nothing is wrong. */
function noneWithoutCrd(error: unknown): readonly Fields[] {
  if (error instanceof Refusal && error.status === 404) return [];
  throw error;
}

/**
 * What a grant's status is to be. A condition keeps the time of its last change, so that nothing is written where
 * nothing has changed.
 */
export function statusOf(grant: Fields, podsUsing: number, nowMs: number): Fields {
  const reading = readGrant(grant);
  const valid = reading.kind === "grant";
  const generation = metadataOf(grant)["generation"];
  const condition = {
    type: "Valid",
    status: valid ? "True" : "False",
    reason: valid ? "Readable" : "Unreadable",
    message: valid
      ? "podrole goes by this grant."
      : `${oneLine(reading.error)} Until then pods it may be about are refused.`,
    ...(typeof generation === "number" ? { observedGeneration: generation } : {}),
  };
  const before = conditionIn(grant);
  const since =
    before !== undefined && own(before, "status") === condition.status
      ? own(before, "lastTransitionTime")
      : undefined;
  const lastTransitionTime =
    typeof since === "string" ? since : new Date(nowMs).toISOString().replace(/\.\d+Z$/, "Z");
  return { conditions: [{ ...condition, lastTransitionTime }], podsUsing };
}

const conditionIn = (grant: Fields): Fields | undefined =>
  recordsIn(fieldsIn(grant, "status"), "conditions").find((one) => own(one, "type") === "Valid");

/** The grant that allowed a pod its role, as its status annotation has it. A hint for people: a pod's author can write it. */
function grantOf(pod: Fields): readonly string[] {
  const raw = stringMap(metadataOf(pod)["annotations"])[ANNOTATION.status];
  try {
    const status: unknown = raw === undefined ? undefined : JSON.parse(raw);
    const rule = isRecord(status) ? own(status, "rule") : undefined;
    const name = typeof rule === "string" ? /^RoleGrant (\S+)$/.exec(rule)?.[1] : undefined;
    return name === undefined ? [] : [name];
  } catch {
    return [];
  }
}

function nameIn(object: Fields): string {
  const name = metadataOf(object)["name"];
  return typeof name === "string" ? name : "";
}

/** All of a list, page by page. */
async function listed(
  api: GrantStatusDeps["api"],
  path: string,
  signal: AbortSignal,
  accept?: string,
): Promise<readonly Fields[]> {
  const objects: Fields[] = [];
  let next: string | undefined;
  do {
    const query = `limit=${PAGE_SIZE}${next === undefined ? "" : `&continue=${encodeURIComponent(next)}`}`;
    const url = `${path}${path.includes("?") ? "&" : "?"}${query}`;
    const page = await api.get(url, REQUEST_MS, signal, accept);
    // An empty list of metadata is null: Go's way with a slice that nobody made.
    const items = isRecord(page) ? own(page, "items") : undefined;
    if (Array.isArray(items)) objects.push(...items.filter(isRecord));
    const rest = isRecord(page) ? metadataOf(page)["continue"] : undefined;
    next = typeof rest === "string" && rest !== "" ? rest : undefined;
  } while (next !== undefined);
  return objects;
}
