import { CONTAINER, SIDECAR_UIDS } from "../../../../sidecar/contract/pod.ts";
import type { InjectorConfig } from "../../../config/installation.ts";
import { intendResources } from "../../../decide/resources/own-resources.ts";
import type { LimitRange } from "../../../model/limit-range.ts";
import type { Pod } from "../../../model/pod.ts";
import { guardContainer } from "../../../mutate/guard-container.ts";

/** What the Jobs of all probes have in common, and their pods. */
export const PROBE_LABEL = { key: "app.kubernetes.io/name", value: "podrole-probe" } as const;
/** On a pod: the name of its Job. */
export const JOB_LABEL = "podrole.dev/probe";

/** The installation, as far as a probe goes by it. */
export interface ProbeSetting {
  readonly namespace: string;
  readonly config: InjectorConfig;
  /** Of that namespace. */
  readonly limitRanges: readonly LimitRange[];
  /** Of the injector's pods, whose image is mostly of the same registry. */
  readonly imagePullSecrets: readonly unknown[];
}

/** The cluster removes a Job so long after it has ended, where the command line could not. */
const KEPT_SECONDS = 300;

/**
 * A Job with one pod, on one node, whose only container is the guard of mode verify. It has no token for the API server, and passes Pod
 * Security level restricted.
 * @param deadlineSeconds after which the cluster ends it
 */
export function probeJob(
  name: string,
  node: string,
  { namespace, config, limitRanges, imagePullSecrets }: ProbeSetting,
  deadlineSeconds: number,
): object {
  const labels = { [PROBE_LABEL.key]: PROBE_LABEL.value };
  const resources = intendResources({
    pod: NO_POD,
    facts: { namespace: { name: namespace, labels: {}, annotations: {} }, limitRanges },
    config,
    presence: { guard: "verify", sidecar: false },
  });
  const ids = { uid: SIDECAR_UIDS.min, gid: SIDECAR_UIDS.min };
  const intent = {
    guard: "verify",
    sidecar: undefined,
    resources: resources.of,
    imds: undefined,
    mesh: undefined,
  } as const;
  // The mount hides a token that this pod does not get.
  const { volumeMounts: _, ...container } = guardContainer(config, intent, ids);
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace, labels },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: deadlineSeconds,
      ttlSecondsAfterFinished: KEPT_SECONDS,
      template: {
        metadata: {
          // A mesh's proxy would not end, and could be what refuses the connections.
          labels: { ...labels, [JOB_LABEL]: name, "sidecar.istio.io/inject": "false" },
          annotations: { "linkerd.io/inject": "disabled" },
        },
        spec: {
          restartPolicy: "Never",
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: 1,
          // As a DaemonSet's pods: many pools have a taint.
          tolerations: [{ operator: "Exists" }],
          affinity: onlyOn(node),
          ...(imagePullSecrets.length === 0 ? {} : { imagePullSecrets }),
          containers: [container],
        },
      },
    },
  };
}

const NO_POD: Pod = { spec: { containers: [{ name: CONTAINER.guard }] } };

/** By affinity and not by `nodeName`, which would leave the scheduler out, and with it what the node has left. */
const onlyOn = (node: string): object => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: [node] }] }],
    },
  },
});
