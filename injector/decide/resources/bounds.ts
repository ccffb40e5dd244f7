import type { LimitRange, LimitRangeItem } from "../../model/limit-range.ts";
import { quantitiesIn } from "../../model/limit-range.ts";
import type { Pod } from "../../model/pod.ts";
import { fieldsIn } from "../../model/read.ts";
import { unitsOf, type Resource } from "../../model/resource-amounts.ts";
import { quantityOf } from "../../model/quantity.ts";
import type { Total } from "./pod-sums.ts";

/** Something that narrows request or limit of one of podrole's containers. */
export interface Bound {
  /** In units; of a ratio, the most that the limit may be for a request of one. */
  readonly value: number;
  /** The LimitRange that says so; undefined of the pod's own resources. */
  readonly from?: { readonly name: string; readonly item: LimitRangeItem };
}

/** Each the narrowest of its kind. Infinity, or 0 of `min`, where nothing narrows it. */
export interface Bounds {
  /** For request and limit. */
  readonly min: Bound;
  /**
   * For the limit alone: what the pod as a whole lacks of its minimum. Of a pod without limits the API server compares none, until
   * podrole's containers bring theirs.
   */
  readonly minLimit: Bound;
  readonly maxLimit: Bound;
  readonly maxRequest: Bound;
  readonly ratio: Bound;
}

/**
 * @param total what the pod's own containers take beside this one; of the guard nothing, since it ends before any of them starts
 * @param floor the least limit, in units: the pod's own limits below it are a finding of their own
 */
export function boundsOf(
  resource: Resource,
  { spec }: Pod,
  limitRanges: readonly LimitRange[],
  total: Total | undefined,
  floor: number,
): Bounds {
  const units = (quantity: string | undefined): number | undefined =>
    quantity === undefined ? undefined : unitsOf(resource, quantity);
  const ofPod = fieldsIn(spec, "resources");
  const [podLimit, podRequest] = (["limits", "requests"] as const).map((kind) =>
    units(quantitiesIn(ofPod, kind)[resource]),
  );
  const [limits, requests] = [total?.("limits", resource) ?? 0, total?.("requests", resource) ?? 0];
  const items = limitRanges.flatMap(({ name, limits: all }) =>
    all.map((item) => ({ from: { name, item }, of: (key: "min" | "max") => units(item[key][resource]) })),
  );
  const bound = (value: number | undefined, from?: Bound["from"]): readonly Bound[] =>
    value === undefined || Number.isNaN(value) ? [] : [{ value, ...(from && { from }) }];
  const narrowest = (all: readonly Bound[], start: number): Bound =>
    all.reduce((one, other) => (other.value < one.value ? other : one), { value: start });
  const mins = (type: "Container" | "Pod", taken: number): Bound =>
    items
      .flatMap(({ from, of }) => (from.item.type === type ? bound(of("min"), from) : []))
      .map((one) => ({ ...one, value: one.value - taken }))
      .reduce<Bound>((one, other) => (other.value > one.value ? other : one), { value: 0 });
  /** What is left for this container of the most that a container, or the whole pod, may have. */
  const left = (taken: number, isOfPod: boolean): readonly Bound[] =>
    items.flatMap(({ from, of }) => {
      const max = of("max");
      if (from.item.type === "Container") return bound(max, from);
      // Then the API server compares what the pod says of itself.
      return max === undefined || isOfPod ? [] : bound(max - taken, from);
    });
  return {
    min: mins("Container", 0),
    minLimit: podLimit === undefined ? mins("Pod", limits) : { value: 0 },
    maxLimit: narrowest(
      [
        ...left(limits, podLimit !== undefined),
        ...bound(podLimit !== undefined && podLimit >= floor ? podLimit : undefined),
      ],
      Infinity,
    ),
    maxRequest: narrowest(
      [
        ...left(requests, podRequest !== undefined),
        ...bound(podRequest === undefined ? undefined : Math.max(0, podRequest - requests)),
      ],
      Infinity,
    ),
    // Where each container keeps a pod's ratio, the pod keeps it.
    ratio: narrowest(
      items.flatMap(({ from }) => {
        const quantity = from.item.maxLimitRequestRatio[resource];
        return bound(quantity === undefined ? undefined : quantityOf(quantity), from);
      }),
      Infinity,
    ),
  };
}
