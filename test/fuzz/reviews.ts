import { isRecord, type Fields } from "../../injector/model/read.ts";
import { annotate, attack, change, extend, inflate, nodesOf, pick, type Next } from "./changes.ts";
import { SPACES, type Space } from "./cluster.ts";

export interface FuzzedReview {
  readonly uid: string;
  readonly operation: string;
  /** `pods`, or `pods/ephemeralcontainers`. */
  readonly resource: string;
  /** Undefined for a namespace that the cluster does not have. */
  readonly space: Space | undefined;
  readonly username: string;
  readonly object: unknown;
  readonly oldObject: unknown;
  readonly body: string;
}

type Subject = readonly [group: string, resource: string, subResource: string];

/** What podrole decides about. */
const DECIDED: readonly (readonly [operation: string, subject: Subject])[] = [
  ["CREATE", ["", "pods", ""]],
  ["CREATE", ["", "pods", ""]],
  ["CREATE", ["", "pods", ""]],
  ["CREATE", ["", "pods", ""]],
  ["UPDATE", ["", "pods", ""]],
  ["UPDATE", ["", "pods", "ephemeralcontainers"]],
  ["UPDATE", ["", "pods", "ephemeralcontainers"]],
  ["UPDATE", ["", "pods", "resize"]],
  ["CREATE", ["apps", "deployments", ""]],
  ["UPDATE", ["batch", "cronjobs", ""]],
];
const OPERATIONS = ["CREATE", "UPDATE", "DELETE", "CONNECT", "create", ""];
const SUBJECTS: readonly Subject[] = [
  ["", "pods", ""],
  ["", "pods", "ephemeralcontainers"],
  ["", "pods", "resize"],
  ["", "pods", "status"],
  ["", "pods", "exec"],
  ["", "replicationcontrollers", ""],
  ["", "nodes", ""],
  ["", "secrets", ""],
  ["apps", "deployments", ""],
  ["apps", "statefulsets", "scale"],
  ["apps", "daemonsets", ""],
  ["apps", "replicasets", ""],
  ["batch", "jobs", ""],
  ["batch", "cronjobs", ""],
  ["evil.example", "pods", ""],
];
const USERS = ["alice", "system:serviceaccount:kube-system:replicaset-controller", "system:node:a", ""];

/** A review made from random pods of the corpus. */
export function fuzzedReview(next: Next, corpus: readonly Fields[], index: number): FuzzedReview {
  const [operation, [group, resource, subResource]] =
    next() < 0.8 ? pick(next, DECIDED) : [pick(next, OPERATIONS), pick(next, SUBJECTS)];
  const before = structuredClone(pick(next, corpus));
  const pod = next() < 0.3 ? structuredClone(before) : structuredClone(pick(next, corpus));
  const others = nodesOf(pick(next, corpus));
  // Most are changed in one or two places, so that they come far; some in many.
  const changes = Math.floor(next() ** 4 * 12);
  for (let count = 0; count < changes; count += 1) change(pod, next, others);
  if (next() < 0.3) annotate(pod, next);
  if (next() < 0.2) change(before, next, others);
  if (next() < 0.004) inflate(pod, next);
  if (next() < 0.2) attack(pod, next);
  if (next() < 0.2) extend(pod, next);
  if (subResource === "ephemeralcontainers") {
    attach(pod, pick(next, corpus));
    if (next() < 0.7) Object.assign(before, { status: AFTER_GUARD });
  }
  const wrap = resource === "pods" ? (one: unknown): unknown => one : workload(resource);
  const space = next() < 0.03 ? undefined : pick(next, SPACES);
  const uid = `fuzz-${index}`;
  const username = pick(next, USERS);
  const [object, oldObject] = [
    operation === "DELETE" ? null : wrap(pod),
    operation === "CREATE" ? null : wrap(before),
  ];
  const dryRun = next() < 0.1;
  return reviewOf({
    uid,
    group,
    resource,
    subResource,
    operation,
    space,
    username,
    object,
    oldObject,
    dryRun,
  });
}

interface Parts {
  readonly uid: string;
  readonly object: unknown;
  readonly space: Space | undefined;
  readonly group?: string;
  readonly resource?: string;
  readonly subResource?: string;
  readonly operation?: string;
  readonly username?: string;
  readonly oldObject?: unknown;
  readonly dryRun?: boolean;
}

/** A review as the API server writes it; by default, of a new pod. */
export function reviewOf({
  group = "",
  resource = "pods",
  subResource = "",
  operation = "CREATE",
  username = "alice",
  oldObject = null,
  dryRun = false,
  uid,
  object,
  space,
}: Parts): FuzzedReview {
  const request = {
    uid,
    kind: { group, version: "v1", kind: "Thing" },
    resource: { group, version: "v1", resource },
    ...(subResource === "" ? {} : { subResource }),
    namespace: space?.name ?? `nowhere-${uid}`,
    operation,
    userInfo: { username },
    dryRun,
    object,
    oldObject,
  };
  const subject = [group, resource, subResource].filter((part) => part !== "").join("/");
  const body = JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request });
  return { uid, operation, resource: subject, space, username, object, oldObject, body };
}

/** As the kubelet writes it once the guard has ended, or serves as the sidecar. */
const AFTER_GUARD = {
  conditions: [
    { type: "PodReadyToStartContainers", status: "True", lastTransitionTime: "2026-11-28T12:00:00Z" },
  ],
  initContainerStatuses: [
    {
      name: "podrole-guard",
      state: {
        terminated: { exitCode: 0, startedAt: "2026-11-28T12:00:01Z", finishedAt: "2026-11-28T12:00:01Z" },
      },
    },
    { name: "podrole-sidecar", started: true, state: { running: { startedAt: "2026-11-28T12:00:01Z" } } },
  ],
};

/** `kubectl debug`: a container of another pod becomes an ephemeral one of this. */
function attach(pod: unknown, other: Fields): void {
  const spec = isRecord(pod) ? pod["spec"] : undefined;
  const containers = isRecord(other["spec"]) ? other["spec"]["containers"] : undefined;
  if (!isRecord(spec) || !Array.isArray(containers)) return;
  Object.assign(spec, {
    ephemeralContainers: containers.map((one: unknown) => (isRecord(one) ? { ...one, name: "debug" } : one)),
  });
}

const KINDS: Readonly<Record<string, string>> = {
  replicationcontrollers: "v1/ReplicationController",
  deployments: "apps/v1/Deployment",
  statefulsets: "apps/v1/StatefulSet",
  daemonsets: "apps/v1/DaemonSet",
  replicasets: "apps/v1/ReplicaSet",
  jobs: "batch/v1/Job",
  cronjobs: "batch/v1/CronJob",
};

const workload =
  (resource: string) =>
  (template: unknown): unknown => {
    const [, apiVersion = "v1", kind = "Thing"] = /^(.*)\/(\w+)$/.exec(KINDS[resource] ?? "") ?? [];
    const spec = { template };
    return {
      apiVersion,
      kind,
      metadata: { name: "web" },
      spec: kind === "CronJob" ? { jobTemplate: { spec } } : spec,
    };
  };
