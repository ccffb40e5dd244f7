import { CONTAINER } from "../../sidecar/contract/pod.ts";
import type { Container, PodSpec } from "./pod.ts";
import {
  amountIn,
  at,
  consistent,
  PLACES,
  REQUIREMENTS,
  resourceOf,
  type Amount,
  type Place,
  type Requirements,
  type Resource,
} from "./resource-amounts.ts";
import { quantityOf } from "./quantity.ts";
import { fieldsIn, isRecord, own, type Fields } from "./read.ts";

/**
 * Requests and limits of guard and sidecar, where nobody chooses others. Requests are one and a half times what they use. Limits
 * are more than three times what the sidecar uses under a flood, and four times what the guard uses (figures: deploy/docs/operations.md).
 */
export const OWN_RESOURCES = {
  [CONTAINER.guard]: { requests: { cpu: "10m", memory: "20Mi" }, limits: { cpu: "1", memory: "64Mi" } },
  [CONTAINER.sidecar]: { requests: { cpu: "10m", memory: "20Mi" }, limits: { cpu: "1", memory: "96Mi" } },
} as const satisfies Readonly<Record<string, Requirements>>;

export type OwnContainer = keyof typeof OWN_RESOURCES;

/**
 * The least that they may have. With less memory, the guard could be killed before it has blocked anything, and the sidecar by a
 * flood, after which its port is free; with less CPU, a pod may not be ready within `startTimeout`. Half as much memory again as
 * the largest use that was measured. The sidecar's are the guard's or more, so they hold for both in one container too.
 */
export const FLOORS: Readonly<Record<OwnContainer, Requirements>> = {
  [CONTAINER.guard]: { requests: { cpu: "1m", memory: "16Mi" }, limits: { cpu: "50m", memory: "32Mi" } },
  [CONTAINER.sidecar]: { requests: { cpu: "1m", memory: "16Mi" }, limits: { cpu: "50m", memory: "48Mi" } },
};

/**
 * Limits that cost little where a request has to be near its limit, or equal to it. A pod's start takes two seconds longer with
 * them.
 */
export const FRUGAL_LIMITS: Readonly<Record<OwnContainer, Readonly<Record<Resource, string>>>> = {
  [CONTAINER.guard]: { cpu: "100m", memory: "32Mi" },
  [CONTAINER.sidecar]: { cpu: "100m", memory: "64Mi" },
};

/** An amount that is less than guard or sidecar needs. */
export interface Shortfall {
  /** Whose resources these are. The pod's limits hold for each of its containers too. */
  readonly of: OwnContainer | "the pod";
  /** Such as `limits.memory`. */
  readonly place: Place;
  /** As written, cut to 40 characters; undefined if a request is absent. */
  readonly amount: string | undefined;
  readonly needs: OwnContainer;
  readonly floor: string;
}

/**
 * Where guard or sidecar has less than it needs. A limit may be absent, since then there is none. More is fine:
 * LimitRanger and autoscalers raise values. A request of the pod as a whole stands in for requests of its containers.
 */
export const ownShortfalls = (container: Container, spec: PodSpec): readonly Shortfall[] =>
  ownNames([container]).flatMap((name) =>
    lessThan(name, PLACES, fieldsIn(container, "resources"), name).filter(
      ({ place }) => place.startsWith("limits.") || !isRequestedByPod(spec, resourceOf(place)),
    ),
  );

/** Whether the pod requests this resource as a whole. The scheduler and the kubelet then go by that. */
export const isRequestedByPod = (spec: PodSpec, resource: Resource): boolean =>
  quantityIn(fieldsIn(spec, "resources"), "requests", resource) !== undefined;

/** The same for limits of the pod as a whole (`spec.resources`). @param containers those that need them */
export function podShortfalls(spec: PodSpec, containers: readonly OwnContainer[]): readonly Shortfall[] {
  const limits = PLACES.filter((place) => place.startsWith("limits."));
  const all = containers.flatMap((name) => lessThan(name, limits, fieldsIn(spec, "resources"), "the pod"));
  // Of several containers that need more, the one that needs most.
  const sorted = all.toSorted((one, other) => quantityOf(other.floor) - quantityOf(one.floor));
  return sorted.filter((one, index) => sorted.findIndex(({ place }) => place === one.place) === index);
}

/** Which of podrole's containers are among these. */
export const ownNames = (containers: readonly Container[]): readonly OwnContainer[] =>
  containers.flatMap(({ name }) => (name === CONTAINER.guard || name === CONTAINER.sidecar ? [name] : []));

function lessThan(
  needs: OwnContainer,
  places: readonly Place[],
  resources: Fields,
  of: Shortfall["of"],
): readonly Shortfall[] {
  return places.flatMap((place) => {
    const [resource, floor] = [resourceOf(place), at(FLOORS[needs], place)];
    const isLimit = place.startsWith("limits.");
    // As in the API server, the limit stands in for a request that is absent.
    const amount =
      quantityIn(resources, isLimit ? "limits" : "requests", resource) ??
      quantityIn(resources, "limits", resource);
    if (amount === undefined ? isLimit : !isLess(amount, floor)) return [];
    return [{ of, place, amount: amount?.slice(0, 40), needs, floor }];
  });
}

function quantityIn(resources: Fields, kind: string, resource: string): string | undefined {
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
  const kinds = REQUIREMENTS.filter((kind) => isRecord(own(resources, kind)));
  return Object.fromEntries(
    kinds.map((kind) => [
      kind,
      Object.fromEntries(Object.entries(fieldsIn(resources, kind)).filter(([name]) => COMMON.has(name))),
    ]),
  );
}

/**
 * Amounts of one of podrole's containers, such as `requests.memory=32Mi,limits.cpu=500m`; those that are not named stay as they are.
 * @throws Error whose message goes on after the name of what holds the text, such as "must have ..."
 */
export const parseResources = (name: OwnContainer, text: string): readonly Amount[] =>
  consistent(text === "" ? [] : text.split(",").map((part) => amountIn(part.trim(), FLOORS[name], name)));
