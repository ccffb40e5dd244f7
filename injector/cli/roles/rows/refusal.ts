import { CONTAINER } from "../../../../sidecar/contract/pod.ts";
import { fieldsIn, own, recordsIn, type Fields } from "../../../model/read.ts";
import type { Refusal } from "./row.ts";

/** A message of a sidecar that gave up: `CODE: sentence`. */
const MESSAGE = /^(?<code>[A-Za-z][\w.]{0,63}): (?<said>.+)/s;
const SAID_MAX = 400;

/**
 * Why a pod's sidecar gave up, by its termination message, which the kubelet keeps in the pod's status; undefined if it never did. Who
 * may read the pod may read it.
 */
export function refusalOf(pod: Fields): Refusal | undefined {
  const status = recordsIn(fieldsIn(pod, "status"), "initContainerStatuses").find(
    (one) => own(one, "name") === CONTAINER.sidecar,
  );
  if (status === undefined) return undefined;
  const [state, last] = [fieldsIn(status, "state"), fieldsIn(status, "lastState")];
  const isRunning = own(state, "running") != null;
  for (const ended of [fieldsIn(state, "terminated"), fieldsIn(last, "terminated")]) {
    const said = own(ended, "message");
    const found = typeof said === "string" ? MESSAGE.exec(said)?.groups : undefined;
    if (found === undefined || own(ended, "exitCode") === 0) continue;
    const at = own(ended, "finishedAt");
    return {
      code: found["code"] ?? "",
      message: (found["said"] ?? "").trim().slice(0, SAID_MAX),
      ...(typeof at === "string" ? { at } : {}),
      isCurrent: !isRunning,
    };
  }
  return undefined;
}
