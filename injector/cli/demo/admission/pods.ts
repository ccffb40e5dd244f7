import { isRecord, own, recordsIn, type Fields } from "../../../model/read.ts";
import { serviceAccountIn, type Pod } from "../../../model/pod.ts";
import { API_TOKEN_PATH } from "../../../model/no-api-token.ts";
import { kindOf, namespaceIn, templateOf } from "../../../model/workload.ts";

/** A pod as the API server hands it to the webhook, and who asked for it. */
export interface Submitted {
  readonly pod: Fields;
  readonly namespace: string;
  readonly username: string;
}

const API_SERVER_ADDED = "kube-api-access-";

/**
 * The pod of an object: itself, or the one that its controller would create.
 * @param suffix random letters and digits, as many as asked for, such as the controllers put behind names
 * @returns undefined for an object without a pod
 */
export function submittedPod(
  object: Fields,
  suffix: (length: number) => string,
  now: number,
): Submitted | undefined {
  const template = templateOf(object);
  if (template === undefined) return undefined;
  const namespace = namespaceIn(object) ?? "default";
  const kind = kindOf(object);
  if (kind === "Pod") {
    const metadata = { ...fieldsOf(template.pod, "metadata"), namespace };
    return {
      pod: withDefaults({ ...template.pod, metadata }, suffix),
      namespace,
      username: "kubernetes-admin",
    };
  }
  const made = fromController(object, kind, suffix, now);
  const { labels, annotations } = fieldsOf(template.pod, "metadata");
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: `${made.owner}-`,
      namespace,
      labels: { ...(isRecord(labels) ? labels : {}), ...made.labels },
      ...(isRecord(annotations) ? { annotations } : {}),
      ownerReferences: [{ apiVersion: made.apiVersion, kind: made.kind, name: made.owner, controller: true }],
    },
    spec: own(template.pod, "spec"),
  };
  const username = `system:serviceaccount:kube-system:${made.kind.toLowerCase()}-controller`;
  return { pod: withDefaults(pod, suffix), namespace, username };
}

interface Made {
  readonly apiVersion: string;
  readonly kind: string;
  /** Name of the object that owns the pod. */
  readonly owner: string;
  readonly labels: Fields;
}

/** A Deployment's pods belong to its ReplicaSet, a CronJob's to the Job of one minute. */
function fromController(object: Fields, kind: string, suffix: (length: number) => string, now: number): Made {
  const name = String(fieldsOf(object, "metadata")["name"]);
  const job = (owner: string): Made => ({
    apiVersion: "batch/v1",
    kind: "Job",
    owner,
    labels: { "batch.kubernetes.io/job-name": owner, "job-name": owner },
  });
  switch (kind) {
    case "Deployment": {
      const hash = suffix(10);
      const labels = { "pod-template-hash": hash };
      return { apiVersion: "apps/v1", kind: "ReplicaSet", owner: `${name}-${hash}`, labels };
    }
    case "CronJob":
      return job(`${name}-${Math.floor(now / 60_000)}`);
    case "Job":
      return job(name);
    default:
      return { apiVersion: String(own(object, "apiVersion")), kind, owner: name, labels: {} };
  }
}

const fieldsOf = (object: Fields, key: string): Fields => {
  const value = own(object, key);
  return isRecord(value) ? value : {};
};

/** What the API server has filled in by the time it calls a webhook: defaults, and the service account's own token. */
function withDefaults(pod: Fields, suffix: (length: number) => string): Fields {
  const spec = fieldsOf(pod, "spec");
  const account = serviceAccountIn(pod);
  const volumes =
    own(spec, "automountServiceAccountToken") === false
      ? []
      : [accountVolume(`${API_SERVER_ADDED}${suffix(5)}`)];
  const mounts = volumes.map(({ name }) => ({ name, mountPath: API_TOKEN_PATH, readOnly: true }));
  const containers = (key: string) => recordsIn(spec, key).map((one) => containerDefaults(one, mounts));
  const initContainers = containers("initContainers");
  return {
    ...pod,
    spec: {
      restartPolicy: "Always",
      dnsPolicy: "ClusterFirst",
      schedulerName: "default-scheduler",
      securityContext: {},
      terminationGracePeriodSeconds: 30,
      enableServiceLinks: true,
      priority: 0,
      preemptionPolicy: "PreemptLowerPriority",
      tolerations: ["not-ready", "unreachable"].map((state) => ({
        key: `node.kubernetes.io/${state}`,
        operator: "Exists",
        effect: "NoExecute",
        tolerationSeconds: 300,
      })),
      ...spec,
      serviceAccountName: account,
      serviceAccount: account,
      ...(initContainers.length > 0 ? { initContainers } : {}),
      containers: containers("containers"),
      volumes: [...recordsIn(spec, "volumes"), ...volumes],
    },
  };
}

const containerDefaults = (container: Fields, mounts: readonly Fields[]): Fields => ({
  resources: {},
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
  imagePullPolicy: /:(?!latest$)[\w.-]+$|@/.test(String(own(container, "image"))) ? "IfNotPresent" : "Always",
  ...container,
  volumeMounts: [...recordsIn(container, "volumeMounts"), ...mounts],
});

const accountVolume = (name: string) => ({
  name,
  projected: {
    defaultMode: 0o644,
    sources: [
      { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
      { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
    ],
  },
});

/** Where a pod was scheduled. */
export interface Placement {
  readonly name: string;
  readonly uid: string;
  readonly nodeName: string;
  readonly podIp: string;
  readonly hostIp: string;
}

/** The pod as the kubelet of its node has it. */
export const placed = (pod: Pod, { name, uid, nodeName, podIp, hostIp }: Placement): Pod => ({
  ...pod,
  metadata: { ...pod.metadata, name: pod.metadata?.name ?? name, uid },
  spec: { ...pod.spec, nodeName },
  status: { phase: "Pending", podIP: podIp, podIPs: [{ ip: podIp }], hostIP: hostIp },
});
