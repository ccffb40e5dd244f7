import type { LimitRange, Quantities } from "../../model/limit-range.ts";
import { quantitiesIn } from "../../model/limit-range.ts";
import type { Container, Pod } from "../../model/pod.ts";
import { fieldsIn, own } from "../../model/read.ts";
import { RESOURCES, unitsOf, type Requirement, type Resource } from "../../model/resource-amounts.ts";
import { isPodroleContainer, userContainers } from "../../model/user-containers.ts";

/** What a pod's own containers request and are limited to, as the API server will see them. Sources: Kubernetes 1.36. */

/**
 * Requests and limits of a container once the API server has completed them: a limit stands in for a request (SetDefaults_Pod),
 * then come the defaults of LimitRanges. A webhook sees pods after that; a workload's template and a manifest are before it.
 */
function completed(
  container: Container,
  limitRanges: readonly LimitRange[],
): Readonly<Record<Requirement, Quantities>> {
  const resources = fieldsIn(container, "resources");
  const limits = quantitiesIn(resources, "limits");
  let all = { limits, requests: { ...limits, ...quantitiesIn(resources, "requests") } };
  for (const item of limitRanges.flatMap((one) => one.limits)) {
    all = {
      limits: { ...item.default, ...all.limits },
      requests: { ...item.defaultRequest, ...all.requests },
    };
  }
  return all;
}

/** Of the pod as a whole: what the largest of its phases takes, in units. Containers without an amount count as none, as there. */
export type Total = (kind: Requirement, resource: Resource) => number;

/** As podRequests and podLimits in plugin/pkg/admission/limitranger, without podrole's containers. */
export function totalOf({ spec }: Pod, limitRanges: readonly LimitRange[]): Total {
  const amounts = (container: Container) => completed(container, limitRanges);
  const apps = spec.containers.map(amounts);
  const inits = (spec.initContainers ?? [])
    .filter((container) => !isPodroleContainer(container))
    .map((container) => ({ ...amounts(container), staysOn: own(container, "restartPolicy") === "Always" }));
  return (kind, resource) => {
    const units = (one: Readonly<Record<Requirement, Quantities>>): number => {
      const quantity = one[kind][resource];
      return quantity === undefined ? 0 : unitsOf(resource, quantity);
    };
    let [beside, peak] = [0, 0];
    for (const init of inits) {
      peak = Math.max(peak, beside + units(init));
      if (init.staysOn) beside += units(init);
    }
    return Math.max(peak, beside + apps.reduce((sum, one) => sum + units(one), 0));
  };
}

/** Whether each of the pod's own containers has a limit of the resource. */
export const areLimited = (pod: Pod, limitRanges: readonly LimitRange[], resource: Resource): boolean =>
  userContainers(pod).every((one) => completed(one, limitRanges).limits[resource] !== undefined);

/**
 * Whether the pod has QoS class Guaranteed without podrole's containers: each container has both limits, and the sums of requests
 * and limits are equal (ComputePodQOS in pkg/apis/core/v1/helper/qos). Init containers count. With resources of the pod as a whole,
 * containers do not.
 */
export function isGuaranteed(pod: Pod, limitRanges: readonly LimitRange[]): boolean {
  if (own(pod.spec, "resources") != null) return false;
  const all = userContainers(pod).map((container) => completed(container, limitRanges));
  return RESOURCES.every((resource) => {
    const of = (kind: Requirement): readonly number[] =>
      all.map((one) => unitsOf(resource, one[kind][resource] ?? "0"));
    const sum = (units: readonly number[]): number => units.reduce((one, other) => one + other, 0);
    return of("limits").every((units) => units > 0) && sum(of("limits")) === sum(of("requests"));
  });
}
