import { CONTAINER } from "../../../../sidecar/contract/pod.ts";
import { fieldsIn, metadataOf, nameOf, own, recordsIn, type Fields } from "../../../model/read.ts";

/** How far a Job's pod is. `why` is a clause. */
export type State =
  | { readonly kind: "under-way"; readonly why: string }
  /** It may still go on, if somebody makes room or an image appears. */
  | { readonly kind: "stuck"; readonly why: string }
  /** The program ended. `said`: its termination message. */
  | { readonly kind: "ended"; readonly exitCode: number; readonly reason: string; readonly said: string }
  /** The pod failed before the program could end, as one that was evicted. */
  | { readonly kind: "failed"; readonly why: string };

/** @param warnings the namespace's Events of type Warning */
export function stateOf(job: string, pod: Fields | undefined, warnings: readonly Fields[]): State {
  if (pod === undefined) {
    const said = warningOf(job, "FailedCreate", warnings);
    return said === undefined
      ? { kind: "under-way", why: "its Job has made no pod yet" }
      : { kind: "stuck", why: `its Job can make no pod: ${said}` };
  }
  const status = fieldsIn(pod, "status");
  // By name: a webhook may have added containers of its own.
  const guard = recordsIn(status, "containerStatuses").find((one) => own(one, "name") === CONTAINER.guard);
  const state = fieldsIn(guard ?? {}, "state");
  const ended = own(state, "terminated") == null ? undefined : fieldsIn(state, "terminated");
  if (ended !== undefined) {
    return {
      kind: "ended",
      exitCode: Number(own(ended, "exitCode")),
      reason: textIn(ended, "reason"),
      said: textIn(ended, "message"),
    };
  }
  if (own(status, "phase") === "Failed") return { kind: "failed", why: `its pod failed${reasonOf(status)}` };
  if (own(metadataOf(pod), "deletionTimestamp") != null)
    return { kind: "failed", why: "its pod was deleted" };
  const waiting = fieldsIn(state, "waiting");
  const reason = textIn(waiting, "reason");
  if (reason !== "" && !STARTING.has(reason))
    return { kind: "stuck", why: `its container waits${reasonOf(waiting)}` };
  const unscheduled = recordsIn(status, "conditions").find(
    (one) => own(one, "type") === "PodScheduled" && own(one, "status") === "False",
  );
  if (unscheduled !== undefined)
    return { kind: "stuck", why: `its pod cannot be scheduled${reasonOf(unscheduled)}` };
  const said = warningOf(nameOf(pod), undefined, warnings);
  const what =
    own(fieldsIn(pod, "spec"), "nodeName") == null ? "its pod waits for the scheduler" : "its pod starts";
  return { kind: "under-way", why: said === undefined ? what : `${what}: ${said}` };
}

/** The kubelet's words while all is well. */
const STARTING: ReadonlySet<string> = new Set(["ContainerCreating", "PodInitializing"]);

const textIn = (fields: Fields, key: string): string => {
  const value = own(fields, key);
  return typeof value === "string" ? value : "";
};

/** Such as `: ImagePullBackOff, Back-off pulling image "x"`. */
function reasonOf(fields: Fields): string {
  // The scheduler counts the other nodes too, and says what preemption could do; the pod is for one node.
  const message = textIn(fields, "message")
    .replace(/\s*preemption: .*/s, "")
    .replace(/, \d+ node\(s\) didn't match Pod's node affinity\/selector/, "");
  const parts = [textIn(fields, "reason"), message.replace(/\.$/, "")].filter((part) => part !== "");
  return parts.length === 0 ? "" : `: ${parts.join(", ")}`;
}

/** The newest warning about an object. */
function warningOf(
  name: string,
  reason: string | undefined,
  warnings: readonly Fields[],
): string | undefined {
  const about = warnings.filter(
    (one) =>
      own(fieldsIn(one, "involvedObject"), "name") === name &&
      (reason === undefined || own(one, "reason") === reason),
  );
  const at = (one: Fields): string => textIn(one, "lastTimestamp") || textIn(one, "eventTime");
  const [newest] = about.toSorted((one, other) => (at(one) < at(other) ? 1 : -1));
  return newest && textIn(newest, "message");
}
