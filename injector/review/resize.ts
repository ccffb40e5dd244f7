import { finding, type Finding } from "../model/findings.ts";
import { ownNames, ownShortfalls, podShortfalls, type Shortfall } from "../model/own-resources.ts";
import type { Pod } from "../model/pod.ts";

/**
 * A resize must leave guard and sidecar at least what they need: with less, the pod's author could have either killed or
 * starved. Unchanged values pass, so that the app of a pod with a smaller sidecar can be resized.
 */
export function belowFloor(before: Pod, after: Pod): readonly Finding[] {
  const known = new Set(shortfallsIn(before).map((one) => JSON.stringify(one)));
  return shortfallsIn(after)
    .filter((one) => !known.has(JSON.stringify(one)))
    .map(({ of, place, amount = "nothing", needs, floor }) =>
      finding(
        "RESOURCES_BELOW_FLOOR",
        `The resize sets ${place} of ${of} to ${amount}, and ${of === needs ? "it" : needs} needs at least ${floor}.`,
        `Leave it at ${floor} or more.`,
      ),
    );
}

function shortfallsIn({ spec }: Pod): readonly Shortfall[] {
  const init = spec.initContainers ?? [];
  return [...init.flatMap((one) => ownShortfalls(one, spec)), ...podShortfalls(spec, ownNames(init))];
}
