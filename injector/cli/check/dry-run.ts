import { admitPod, type PodOutcome } from "../../review/admit-pod.ts";
import { Refusal, whyOf } from "../../cluster/api-server.ts";
import type { Facts } from "../../model/facts.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { unitsOf, type Resource } from "../../model/resource-amounts.ts";
import { isRecord } from "../../model/read.ts";
import type { LiveCluster } from "../live/cluster.ts";
import { READ_MS } from "../live/reader.ts";
import type { Attempt, DryRun } from "./facts.ts";
import { placeholders } from "../../mutate/fresh.ts";

/** Of nobody: an account of AWS's that there is not. The pod is never made, and STS never asked. */
const ROLE = "arn:aws:iam::000000000000:role/podrole-check";

/** As little as the namespace's LimitRanges allow. Limits too, for namespaces whose quotas ask for them. */
function leastOf(facts: Facts): object {
  const mins = facts.limitRanges.flatMap(({ limits }) => limits.map(({ min }) => min));
  const least = (resource: Resource, start: string): string =>
    mins
      .flatMap((min) => min[resource] ?? [])
      .reduce((one, other) => (unitsOf(resource, other) > unitsOf(resource, one) ? other : one), start);
  const amounts = { cpu: least("cpu", "1m"), memory: least("memory", "1Mi") };
  return { requests: amounts, limits: amounts };
}

const container = (facts: Facts, securityContext: object): object => ({
  name: "app",
  image: "podrole.dev/check:never-pulled",
  resources: leastOf(facts),
  securityContext,
});

/** As Pod Security level restricted demands: what is refused is then not due to this container. */
const RESTRICTED = {
  runAsNonRoot: true,
  runAsUser: 65_532,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};

const podOf = (facts: Facts, annotations: object, securityContext: object = RESTRICTED): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { generateName: "podrole-check-", annotations },
  spec: { restartPolicy: "Never", containers: [container(facts, securityContext)] },
});

/** Tries the two pods in a namespace. Neither is made: the API server is told that it is a dry run. */
export async function tryPods(facts: Facts, config: InjectorConfig, cluster: LiveCluster): Promise<DryRun> {
  const [asking, plain] = [
    podOf(facts, { [config.keys.role]: config.defaultRole ?? ROLE }),
    podOf(facts, {}),
  ];
  const withRole = expectedOf(asking, facts, config).kind === "inject";
  const pod = withRole ? asking : plain;
  const namespace = facts.namespace.name;
  const [good, bad] = await Promise.all([
    attempt(cluster, namespace, pod),
    attempt(cluster, namespace, podOf(facts, {}, { capabilities: { add: ["NET_ADMIN"] } })),
  ]);
  return { namespace, expected: expectedOf(pod, facts, config), withRole, good, bad };
}

const expectedOf = (pod: object, facts: Facts, config: InjectorConfig): PodOutcome =>
  admitPod(pod, facts, config, placeholders);

async function attempt({ api }: LiveCluster, namespace: string, pod: object): Promise<Attempt> {
  const path = `/api/v1/namespaces/${namespace}/pods?dryRun=All`;
  try {
    // Longer than the longest time-out that a webhook can have.
    const object = await api.create(path, pod, 4 * READ_MS, AbortSignal.timeout(5 * READ_MS));
    return isRecord(object)
      ? { kind: "made", object }
      : { kind: "unanswered", why: "the answer is no object" };
  } catch (error) {
    return error instanceof Refusal
      ? { kind: "refused", status: error.status, said: error.said || `HTTP ${error.status}` }
      : { kind: "unanswered", why: whyOf(error) };
  }
}
