import { CONTAINER } from "../../sidecar/contract/pod.ts";
import type { Container, PodSpec } from "./pod.ts";
import { isGuardAndSidecar } from "./own-form.ts";
import { quantityOf } from "./quantity.ts";
import { fieldsIn, isRecord, own, type Fields } from "./read.ts";

/**
 * Requests and limits of guard and sidecar. Also the least that they may have: with less, a pod's author could get the
 * guard killed, or slowed down, before it has blocked anything. Requests are one and a half times what they use. Limits are more
 * than three times what the sidecar uses under a flood, and four times what the guard uses (figures: deploy/docs/operations.md).
 */
export const OWN_RESOURCES = {
  [CONTAINER.guard]: { requests: { cpu: "10m", memory: "20Mi" }, limits: { cpu: "1", memory: "64Mi" } },
  [CONTAINER.sidecar]: { requests: { cpu: "10m", memory: "20Mi" }, limits: { cpu: "1", memory: "96Mi" } },
} as const;

export type OwnContainer = keyof typeof OWN_RESOURCES;

const KINDS = ["requests", "limits"] as const;
const BOTH = [CONTAINER.sidecar, CONTAINER.guard] as const;

/** Of guard and sidecar in one container: the larger of each. */
export const GUARD_AND_SIDECAR_RESOURCES = Object.fromEntries(
  KINDS.map((kind) => [
    kind,
    Object.fromEntries(
      (["cpu", "memory"] as const).map((resource) => [
        resource,
        BOTH.map((name) => OWN_RESOURCES[name][kind][resource]).toSorted(largestFirst)[0],
      ]),
    ),
  ]),
);

/** An amount that is less than guard or sidecar needs. */
export interface Shortfall {
  /** Whose resources these are. The pod's limits hold for each of its containers too. */
  readonly of: OwnContainer | "the pod";
  /** Such as `limits.memory`. */
  readonly place: string;
  /** As written, cut to 40 characters; undefined if a request is absent. */
  readonly amount: string | undefined;
  readonly needs: OwnContainer;
  readonly floor: string;
}

/**
 * Where guard or sidecar has less than podrole gives it. A limit may be absent, since then there is none. More is fine:
 * LimitRanger and autoscalers raise values.
 */
export const ownShortfalls = (container: Container): readonly Shortfall[] =>
  ownNames([container]).flatMap((name) => {
    const needing = isGuardAndSidecar(container) ? BOTH : [name];
    const all = needing.flatMap((needs) =>
      KINDS.flatMap((kind) => lessThan(needs, kind, fieldsIn(container, "resources"), name)),
    );
    return largestOfEach(all).map((one) => ({ ...one, needs: name }));
  });

/** The same for limits of the pod as a whole (`spec.resources`). @param containers those that need them */
export function podShortfalls(spec: PodSpec, containers: readonly OwnContainer[]): readonly Shortfall[] {
  return largestOfEach(
    containers.flatMap((name) => lessThan(name, "limits", fieldsIn(spec, "resources"), "the pod")),
  );
}

/** Of several containers that need more, the one that needs most. */
function largestOfEach(all: readonly Shortfall[]): readonly Shortfall[] {
  const sorted = all.toSorted((one, other) => largestFirst(one.floor, other.floor));
  return sorted.filter((one, index) => sorted.findIndex(({ place }) => place === one.place) === index);
}

function largestFirst(one: string, other: string): number {
  return quantityOf(other) - quantityOf(one);
}

/** Which of podrole's containers are among these. */
export const ownNames = (containers: readonly Container[]): readonly OwnContainer[] =>
  containers.flatMap(({ name }) => (name === CONTAINER.guard || name === CONTAINER.sidecar ? [name] : []));

function lessThan(
  needs: OwnContainer,
  kind: "requests" | "limits",
  resources: Fields,
  of: Shortfall["of"],
): readonly Shortfall[] {
  return Object.entries(OWN_RESOURCES[needs][kind]).flatMap(([resource, floor]) => {
    // As in the API server, the limit stands in for a request that is absent.
    const amount = amountIn(resources, kind, resource) ?? amountIn(resources, "limits", resource);
    if (amount === undefined ? kind === "limits" : !isLess(amount, floor)) return [];
    return [{ of, place: `${kind}.${resource}`, amount: amount?.slice(0, 40), needs, floor }];
  });
}

function amountIn(resources: Fields, kind: string, resource: string): string | undefined {
  const value = own(fieldsIn(resources, kind), resource);
  if (value == null) return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A text that is not a quantity counts as less: either podrole or the API server refuses it. */
const isLess = (quantity: string, floor: string): boolean => !(quantityOf(quantity) >= quantityOf(floor));

const COMMON = new Set(["cpu", "memory", "ephemeral-storage"]);

/**
 * What `resources` has that could change the container's environment, mounts or devices: device plugins and drivers do that
 * for claims and for resources of other names. CPU and memory are left out, and ephemeral storage, for which the kubelet
 * evicts whole pods only.
 */
export function uncommonResources(resources: Fields): readonly string[] {
  const names = ["requests", "limits"].flatMap((kind) => Object.keys(fieldsIn(resources, kind)));
  const fields = Object.keys(resources).filter((key) => key !== "requests" && key !== "limits");
  return [...fields, ...names.filter((name) => !COMMON.has(name))];
}

/** The resources without those of {@link uncommonResources}. */
export function commonResources(resources: Fields): Fields {
  if (uncommonResources(resources).length === 0) return resources;
  const kinds = KINDS.filter((kind) => isRecord(own(resources, kind)));
  return Object.fromEntries(
    kinds.map((kind) => [
      kind,
      Object.fromEntries(Object.entries(fieldsIn(resources, kind)).filter(([name]) => COMMON.has(name))),
    ]),
  );
}
