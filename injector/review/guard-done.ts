import { CONTAINER } from "../../sidecar/contract/pod.ts";
import { finding, type Finding } from "../model/findings.ts";
import { isGuarding } from "../model/own-form.ts";
import type { Container, Pod } from "../model/pod.ts";
import { COPY_FLAGS } from "./kubectl-debug.ts";
import { fieldsIn, isRecord, own, recordsIn, type Fields } from "../model/read.ts";

/**
 * The kubelet starts ephemeral containers before the init containers are done, so one may be added only once the guard has
 * done its work in the pod's present sandbox.
 * @param stored the pod as the API server holds it: in the new object, a client writes the status
 */
export function guardNotDone(stored: Pod): readonly Finding[] {
  if (stored.spec.shareProcessNamespace === true) return [SHARED];
  const guard = stored.spec.initContainers?.find(isGuarding);
  const isDone = guard !== undefined && isGuardDone(guard, fieldsIn(stored, "status"));
  return isDone ? [] : [NOT_DONE];
}

const NOT_DONE = finding(
  "GUARD_NOT_DONE",
  "The pod's status does not say that the guard has done its work in the pod's present sandbox, and the kubelet would start an ephemeral container before that.",
  "Wait until the pod has started, then try again.",
);

/** The sandbox's first process is then in reach of the pod's. Once it ends, the kubelet makes a new network without rules. */
const SHARED = finding(
  "GUARD_NOT_DONE",
  "The pod sets shareProcessNamespace, so its processes can end the sandbox, and in a new one an ephemeral container could start before the guard.",
  `Debug a copy instead: kubectl debug POD --copy-to=NAME ${COPY_FLAGS} --profile=baseline.`,
);

/**
 * The exit code alone is no proof. While the kubelet replaces a sandbox, the status still has the former guard's (in 1.36 even
 * after PodReadyToStartContainers is true again). And where the kubelet has lost a guard's record, it may assume exit code 0.
 *
 * So the guard must have ended, or another container started, since that condition became true. Up to 1.35 the kubelet may
 * notice the sandbox only after the guard has ended, but always before it starts the next container. It starts no other
 * container before the guard has ended with 0. Sources in pkg/kubelet: convertToAPIContainerStatuses, OnPodSandboxReady,
 * computePodActions. Times are whole seconds.
 *
 * A guard that is the sidecar too does not end. It runs and is started: the kubelet waits for the container's postStart hook, which
 * waits for the proof, before it writes another status. A kubelet that is restarted during the hook does not wait, and then starts
 * the app's containers, too: deploy/docs/security.md.
 */
function isGuardDone({ name }: Container, status: Fields): boolean {
  const condition = recordsIn(status, "conditions").find(
    (one) => own(one, "type") === "PodReadyToStartContainers" && own(one, "status") === "True",
  );
  const since = condition === undefined ? NaN : timeIn(condition, "lastTransitionTime");
  const init = recordsIn(status, "initContainerStatuses");
  const isGuard = (one: Fields): boolean => own(one, "name") === name;
  const guard = init.find(isGuard) ?? {};
  const { isProven, at } = name === CONTAINER.guard ? endOf(guard) : startOf(guard);
  if (!isProven) return false;
  const others = [...init.filter((one) => !isGuard(one)), ...recordsIn(status, "containerStatuses")];
  return [at, ...others.flatMap(startTimes)].some((time) => time >= since);
}

interface Proof {
  readonly isProven: boolean;
  /** Milliseconds since the epoch, or NaN. */
  readonly at: number;
}

function endOf(guard: Fields): Proof {
  const ended = fieldsIn(fieldsIn(guard, "state"), "terminated");
  return { isProven: own(ended, "exitCode") === 0, at: timeIn(ended, "finishedAt") };
}

function startOf(guard: Fields): Proof {
  const running = own(fieldsIn(guard, "state"), "running");
  const isProven = isRecord(running) && own(guard, "started") === true;
  return { isProven, at: isRecord(running) ? timeIn(running, "startedAt") : NaN };
}

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
