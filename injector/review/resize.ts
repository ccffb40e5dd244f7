import type { Pod } from "../model/pod.ts";
import { type Finding, finding } from "../model/findings.ts";
import { OWN_RESOURCES } from "../mutate/own-container.ts";
import { own, fieldsIn } from "../model/read.ts";
import { quantityOf } from "../model/quantity.ts";

/**
 * A resize must leave guard and sidecar at least the resources that podrole gives them: with less, the pod's author could
 * have either killed or starved. Unchanged values pass, so that the app of a pod with a smaller sidecar can be resized.
 */
export function belowFloor(before: Pod, after: Pod): readonly Finding[] {
  return Object.entries(OWN_RESOURCES).flatMap(([name, floors]) =>
    KINDS.flatMap((kind) =>
      Object.entries(floors[kind]).flatMap(([resource, floor]) => {
        const [was, is] = [before, after].map((pod) => amount(pod, name, kind, resource));
        if (is === undefined || is === was || !isLess(is, floor)) return [];
        const message = `The resize sets ${kind}.${resource} of ${name} to ${is.slice(0, 40)}, and it needs at least ${floor}.`;
        return [finding("RESOURCES_BELOW_FLOOR", message, `Leave it at ${floor} or more.`)];
      }),
    ),
  );
}

const KINDS = ["requests", "limits"] as const;

/** The quantity as written. Undefined if absent: then there is no limit, or the request equals the limit. */
function amount({ spec }: Pod, name: string, kind: string, resource: string): string | undefined {
  const container = spec.initContainers?.find((one) => one.name === name) ?? {};
  const value = own(fieldsIn(fieldsIn(container, "resources"), kind), resource);
  if (value == null) return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A text that is not a quantity counts as less: either podrole or the API server refuses it. */
const isLess = (quantity: string, floor: string): boolean => !(quantityOf(quantity) >= quantityOf(floor));
