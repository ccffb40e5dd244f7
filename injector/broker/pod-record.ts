import { IssueError } from "../../sidecar/sts/issue-error.ts";
import { Refusal, type ApiServer } from "../cluster/api-server.ts";
import { fieldsIn, isRecord, metadataOf, own, recordsIn, stringMap } from "../model/read.ts";
import type { ApiTurns } from "./api-turns.ts";
import { BusyError } from "./busy.ts";
import type { PodCaller } from "./token-review.ts";
import { API_MS, factsUnavailable } from "./unavailable.ts";

/** What the broker looks at of a pod. */
export interface PodRecord {
  readonly annotations: Readonly<Record<string, string>>;
  /** As the API server has them: not brought into one form. */
  readonly podIps: readonly string[];
}

/**
 * The pod as the API server has it now.
 * @param address of the client
 * @throws IssueError `POD_GONE`, `FACTS_UNAVAILABLE`, `BROKER_BUSY`
 */
export type ReadPod = (caller: PodCaller, address: string) => Promise<PodRecord>;

export interface ReadPodDeps {
  readonly api: Pick<ApiServer, "get">;
  readonly turns: ApiTurns;
  readonly signal: AbortSignal;
}

/**
 * Its author chooses how large a pod is, up to what etcd holds, and many may be read at once. A large pod of a service mesh has some
 * 60 kB.
 */
const BYTES_MAX = 1024 * 1024;
/** Nothing of such a pod runs, so somebody else shows its token. */
const ENDED: ReadonlySet<unknown> = new Set(["Succeeded", "Failed"]);

/** Reads the pod anew each time: a pod that is gone gets nothing, however long its token is valid. */
export function podReader({ api, turns, signal }: ReadPodDeps): ReadPod {
  return async (caller, address) => {
    const path = `/api/v1/namespaces/${caller.namespace}/pods/${caller.pod}`;
    let object: unknown;
    try {
      object = await turns.run(address, () => api.get(path, API_MS, signal, undefined, BYTES_MAX));
    } catch (error) {
      if (error instanceof BusyError) throw error;
      if (error instanceof Refusal && error.status === 404) throw gone(caller, "does not exist any more");
      throw factsUnavailable(`Pod ${placeOf(caller)} could not be read`, error);
    }
    const pod = isRecord(object) ? object : {};
    const [metadata, status] = [metadataOf(pod), fieldsIn(pod, "status")];
    if (own(metadata, "uid") !== caller.podUid) throw gone(caller, "was replaced by another of its name");
    if (ENDED.has(own(status, "phase"))) throw gone(caller, "has ended");
    return {
      annotations: stringMap(own(metadata, "annotations")),
      podIps: recordsIn(status, "podIPs").map((one) => String(own(one, "ip"))),
    };
  };
}

const placeOf = ({ namespace, pod }: PodCaller): string => `${namespace}/${pod}`;

const gone = (caller: PodCaller, why: string): IssueError =>
  new IssueError("POD_GONE", `Pod ${placeOf(caller)} ${why}.`, {
    kind: "definite",
    remedy: "Nothing to do, unless the pod still runs: then recreate it, and see who else has its token.",
  });
