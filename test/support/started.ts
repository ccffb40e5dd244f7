import type { Pod } from "../../injector/model/pod.ts";

const at = (seconds: number): string =>
  new Date(Date.UTC(2026, 0, 1, 10, 0, seconds)).toISOString().slice(0, 19) + "Z";

/** A status as a kubelet writes it. Times are seconds; `since`: when the sandbox was ready, by the condition. */
function status({
  since = 0 as number | null,
  ready = "True",
  hasGuard = true,
  guard = done(1) as object,
  sidecar = running(2) as object,
  app = running(2) as object,
}) {
  const condition = {
    type: "PodReadyToStartContainers",
    status: ready,
    lastTransitionTime: since === null ? null : at(since),
  };
  const of = (name: string, states: object) => ({
    name,
    image: "i",
    imageID: "",
    ready: false,
    restartCount: 0,
    resources: {},
    ...states,
  });
  return {
    phase: "Pending",
    conditions: [condition],
    initContainerStatuses: [
      ...(hasGuard ? [of("podrole-guard", guard)] : []),
      of("podrole-sidecar", sidecar),
    ],
    containerStatuses: [of("app", app)],
  };
}
const ended = (exitCode: number, startedAt: number, finishedAt: number) => ({
  terminated: { exitCode, startedAt: at(startedAt), finishedAt: at(finishedAt) },
});
const done = (second: number) => ({ state: ended(0, second, second) });
const running = (second: number) => ({ state: { running: { startedAt: at(second) } } });
const waiting = { state: { waiting: { reason: "PodInitializing" } } };
const { conditions: _, ...withoutCondition } = status({});

/** Statuses that prove that the guard has ended in the pod's present sandbox. */
export const STARTED_STATUSES = [
  ["all containers run", status({})],
  ["the app's image is being pulled", status({ sidecar: waiting, app: waiting })],
  ["the kubelet was told of the sandbox after the guard had ended", status({ since: 2 })],
  [
    "the app crashes again and again",
    status({ since: 2, sidecar: waiting, app: { ...waiting, lastState: ended(1, 3, 4) } }),
  ],
  ["the guard's record is lost", status({ guard: { state: { terminated: { exitCode: 0 } } } })],
] as const;

/** Statuses that do not, with what each is about. */
export const UNPROVEN_STATUSES = [
  ["there is none yet, as while a scheduling gate holds the pod back", { phase: "Pending" }],
  ["the guard is waiting", status({ guard: waiting, sidecar: waiting, app: waiting })],
  ["the guard is running", status({ guard: running(1), sidecar: waiting, app: waiting })],
  [
    "the guard was killed, having too little memory",
    status({ guard: { state: ended(137, 0, 1) }, sidecar: waiting, app: waiting }),
  ],
  [
    "the guard starts again, and an earlier run ended well",
    status({ guard: { ...waiting, lastState: ended(0, 0, 1) }, sidecar: waiting, app: waiting }),
  ],
  ["the sandbox is gone", status({ since: 5, ready: "False" })],
  ["the sandbox is new, and all times are of the former one", status({ since: 5 })],
  [
    "the sandbox is new, and the exit code is the kubelet's guess",
    status({ since: 5, guard: { state: { terminated: { exitCode: 0 } } } }),
  ],
  ["it does not say since when the sandbox is ready", status({ since: null })],
  ["it says nothing about the sandbox", withoutCondition],
] as const;

/** Of a pod whose guard is in the sidecar's container. */
const together = (over: Parameters<typeof status>[0]) => status({ ...over, hasGuard: false });
const serving = (second: number) => ({ ...running(second), started: true });

/** Statuses that prove that a guard in the sidecar's container has done its work in the pod's present sandbox. */
export const SERVING_STATUSES = [
  ["all containers run", together({ sidecar: serving(1) })],
  ["the app's image is being pulled", together({ sidecar: serving(1), app: waiting })],
  [
    "the kubelet was told of the sandbox after the hook had ended",
    together({ since: 2, sidecar: serving(1) }),
  ],
  ["the sidecar was started again", together({ sidecar: { ...serving(9), lastState: ended(1, 1, 8) } })],
] as const;

/** Statuses that do not, with what each is about. */
export const NOT_SERVING_STATUSES = [
  ["there is none yet, as while a scheduling gate holds the pod back", { phase: "Pending" }],
  ["the sidecar is waiting", together({ sidecar: waiting, app: waiting })],
  [
    "the sidecar runs and is not started",
    together({ sidecar: { ...running(1), started: false }, app: waiting }),
  ],
  ["the sidecar runs, and nothing says that it is started", together({ sidecar: running(1), app: waiting })],
  ["the sidecar has ended", together({ sidecar: { state: ended(0, 1, 2), started: true } })],
  [
    "the sidecar starts again, and an earlier run served",
    together({ sidecar: { ...waiting, lastState: ended(1, 1, 2), started: false } }),
  ],
  ["the sandbox is gone", together({ since: 5, ready: "False", sidecar: serving(6) })],
  ["the sandbox is new, and all times are of the former one", together({ since: 5, sidecar: serving(1) })],
  ["it says nothing about the sandbox", { ...together({ sidecar: serving(1) }), conditions: [] }],
  [
    "a guard of another container has ended, and the sidecar has not started",
    status({ sidecar: running(1), app: waiting }),
  ],
] as const;

/** The pod once it has started. */
export const started = (pod: Pod): Pod => ({ ...pod, status: status({}) });
