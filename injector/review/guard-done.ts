import { CONTAINER } from "../../sidecar/contract/pod.ts";
import { finding, type Finding } from "../model/findings.ts";
import type { Pod } from "../model/pod.ts";
import { fieldsIn, isRecord, own, recordsIn, type Fields } from "../model/read.ts";

/**
 * The kubelet starts ephemeral containers before the init containers are done, so one may be added only once the guard has
 * ended with 0 in the pod's present sandbox.
 * @param stored the pod as the API server holds it: in the new object, a client writes the status
 */
export function guardNotDone(stored: Pod): readonly Finding[] {
  if (stored.spec.shareProcessNamespace === true) return [SHARED];
  return isGuardDone(fieldsIn(stored, "status")) ? [] : [NOT_DONE];
}

const NOT_DONE = finding(
  "GUARD_NOT_DONE",
  "The pod's status does not say that podrole-guard has ended in its present sandbox, and the kubelet would start an ephemeral container before that.",
  "Wait until the pod has started, then try again.",
);

/** The sandbox's first process is then in reach of the pod's. Once it ends, the kubelet makes a new network without rules. */
const SHARED = finding(
  "GUARD_NOT_DONE",
  "The pod sets shareProcessNamespace, so its processes can end the sandbox, and in a new one an ephemeral container could start before podrole-guard.",
  "Debug a copy instead: kubectl debug POD --copy-to=NAME --share-processes=false.",
);

/**
 * The exit code alone is no proof. While the kubelet replaces a sandbox, the status still has the former guard's (in 1.36 even
 * after PodReadyToStartContainers is true again). And where the kubelet has lost a guard's record, it may assume exit code 0.
 *
 * So the guard must have ended, or another container started, since that condition became true. Up to 1.35 the kubelet may
 * notice the sandbox only after the guard has ended, but always before it starts the next container. It starts no other
 * container before the guard has ended with 0. Sources in pkg/kubelet: convertToAPIContainerStatuses, OnPodSandboxReady,
 * computePodActions. Times are whole seconds.
 */
function isGuardDone(status: Fields): boolean {
  const condition = recordsIn(status, "conditions").find(
    (one) => own(one, "type") === "PodReadyToStartContainers" && own(one, "status") === "True",
  );
  const since = condition === undefined ? NaN : timeIn(condition, "lastTransitionTime");
  const init = recordsIn(status, "initContainerStatuses");
  const guard = init.find(isGuard);
  const ended = fieldsIn(fieldsIn(guard ?? {}, "state"), "terminated");
  if (own(ended, "exitCode") !== 0) return false;
  const others = [...init.filter((one) => !isGuard(one)), ...recordsIn(status, "containerStatuses")];
  return [timeIn(ended, "finishedAt"), ...others.flatMap(startTimes)].some((time) => time >= since);
}

const isGuard = (status: Fields): boolean => own(status, "name") === CONTAINER.guard;

const startTimes = (status: Fields): readonly number[] =>
  [
    own(fieldsIn(status, "state"), "running"),
    own(fieldsIn(status, "state"), "terminated"),
    own(fieldsIn(status, "lastState"), "terminated"),
  ].map((state) => (isRecord(state) ? timeIn(state, "startedAt") : NaN));

/** Milliseconds since the epoch; NaN, which no comparison accepts, if there is no time. */
function timeIn(object: Fields, key: string): number {
  const value = own(object, key);
  return typeof value === "string" ? Date.parse(value) : NaN;
}
