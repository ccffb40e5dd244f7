import { CONTAINER } from "../../../sidecar/contract/pod.ts";
import { finding, type Finding } from "../../model/findings.ts";
import { podShortfalls } from "../../model/own-resources.ts";
import type { Pod } from "../../model/pod.ts";
import type { Presence } from "../presence.ts";

/**
 * Denies limits of the pod as a whole (`spec.resources`, Kubernetes 1.34) that leave guard or sidecar less than they need. The
 * API server compares such limits with those of containers, but not with those of init containers.
 */
export function podLimits({ spec }: Pod, { guard, sidecar }: Presence): readonly Finding[] {
  const containers = [...(guard ? [CONTAINER.guard] : []), ...(sidecar ? [CONTAINER.sidecar] : [])];
  return podShortfalls(spec, containers).map(({ place, amount, needs, floor }) =>
    finding(
      "RESOURCES_BELOW_FLOOR",
      `The pod has ${place} ${amount} for all its containers, and ${needs} needs at least ${floor}.`,
      `Raise resources.${place} of the pod to ${floor} or more, or remove it.`,
    ),
  );
}
