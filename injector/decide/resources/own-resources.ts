import { messageOf } from "../../../sidecar/kit/errors.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { CONTAINER } from "../../../sidecar/contract/pod.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { annotation } from "../../model/annotations.ts";
import type { Facts } from "../../model/facts.ts";
import { finding, type Finding } from "../../model/findings.ts";
import {
  FLOORS,
  FRUGAL_LIMITS,
  OWN_RESOURCES,
  parseResources,
  type OwnContainer,
} from "../../model/own-resources.ts";
import type { Pod } from "../../model/pod.ts";
import {
  largestOf,
  quantityFrom,
  requirementsFrom,
  RESOURCES,
  unitsOf,
  withAmounts,
  type Amount,
  type Requirements,
  type Resource,
} from "../../model/resource-amounts.ts";
import type { Presence } from "../presence.ts";
import { boundsOf, type Bound } from "./bounds.ts";
import { fit, type Fitted, type Pair } from "./fit.ts";
import { areLimited, isGuaranteed, totalOf, type Total } from "./pod-sums.ts";

/** What guard and sidecar of one pod request, and are limited to. */
export interface ResourcesIntent {
  readonly of: Readonly<Record<OwnContainer, Requirements>>;
  /** Whether requests equal limits, so that the pod stays in QoS class Guaranteed. */
  readonly isGuaranteed: boolean;
  /** The LimitRanges that changed an amount. */
  readonly limitRanges: readonly string[];
  readonly findings: readonly Finding[];
}

export interface ResourcesInput {
  readonly pod: Pod;
  readonly facts: Pick<Facts, "namespace" | "limitRanges">;
  readonly config: Pick<InjectorConfig, "guardResources" | "sidecarResources" | "guardContainer">;
  readonly presence: Pick<Presence, "guard" | "sidecar">;
}

/** Where amounts are chosen: for all pods, and for one. */
export const RESOURCES_CHOSEN_BY = {
  [CONTAINER.guard]: { setting: "guardResources", annotation: ANNOTATION.guardResources },
  [CONTAINER.sidecar]: { setting: "sidecarResources", annotation: ANNOTATION.sidecarResources },
} as const;

/** The setting's amounts, or those of the pod's annotation, within what the pod and its namespace's LimitRanges leave. */
export function intendResources(input: ResourcesInput): ResourcesIntent {
  const { pod, facts, config, presence } = input;
  const stays = isGuaranteed(pod, facts.limitRanges);
  const total = totalOf(pod, facts.limitRanges);
  const guard = wanted(CONTAINER.guard, input, total, stays);
  const sidecar = wanted(CONTAINER.sidecar, input, total, stays);
  // Where both are one container, the sidecar has the larger of each.
  const isOne = config.guardContainer === "sidecar" && presence.guard === "block" && presence.sidecar;
  const asked = isOne ? largestOf([guard.amounts, sidecar.amounts]) : sidecar.amounts;
  const results = {
    [CONTAINER.guard]: fitted(CONTAINER.guard, guard.amounts, undefined, input, stays),
    [CONTAINER.sidecar]: fitted(CONTAINER.sidecar, asked, total, input, stays),
  };
  const present = [
    ...(presence.guard ? [results[CONTAINER.guard]] : []),
    ...(presence.sidecar ? [results[CONTAINER.sidecar]] : []),
  ];
  return {
    of: {
      [CONTAINER.guard]: results[CONTAINER.guard].amounts,
      [CONTAINER.sidecar]: results[CONTAINER.sidecar].amounts,
    },
    isGuaranteed: stays,
    limitRanges: [...new Set(present.flatMap(({ limitRanges }) => limitRanges))],
    findings: [...guard.findings, ...sidecar.findings, ...present.flatMap(({ findings }) => findings)],
  };
}

/** Before anything narrows it. */
function wanted(
  name: OwnContainer,
  input: ResourcesInput,
  total: Total,
  stays: boolean,
): { readonly amounts: Requirements; readonly findings: readonly Finding[] } {
  const { pod, config } = input;
  const { setting, annotation: key } = RESOURCES_CHOSEN_BY[name];
  const raw = annotation(pod.metadata?.annotations, key);
  let chosen: readonly Amount[] = [];
  const findings: Finding[] = [];
  try {
    chosen = parseResources(name, raw ?? "");
  } catch (error) {
    const why = messageOf(error);
    const message = `The annotation ${key} is ${JSON.stringify((raw ?? "").slice(0, 100))}, and it ${why}.`;
    findings.push(finding("ANNOTATION_INVALID", message, "Correct or remove it."));
  }
  const set = withAmounts(OWN_RESOURCES[name], config[setting]);
  const base = name === CONTAINER.guard ? withinPod(set, total, input) : set;
  const amounts = withAmounts(base, chosen);
  return { amounts: stays ? equalised(name, amounts, chosen) : amounts, findings };
}

/**
 * With limits of the guard that are not above those of the pod's own containers, if each has one: a quota counts the larger of
 * both, and a pod that asks for no role is to count as before.
 */
const withinPod = (amounts: Requirements, total: Total, { pod, facts }: ResourcesInput): Requirements =>
  requirementsFrom(
    RESOURCES.map((resource) => {
      const units = (text: string): number => unitsOf(resource, text);
      const [request, limit] = [amounts.requests[resource], amounts.limits[resource]];
      const ofPod = total("limits", resource);
      const least = Math.max(units(FRUGAL_LIMITS[CONTAINER.guard][resource]), units(request));
      const most = Math.max(ofPod, least);
      const isLess = most < units(limit) && areLimited(pod, facts.limitRanges, resource);
      return [resource, [request, isLess ? quantityFrom(resource, most) : limit]];
    }),
  );

/**
 * With requests that equal the limits. The usual limit would reserve a whole CPU, so a smaller one is taken unless the pod
 * chooses.
 */
const equalised = (name: OwnContainer, amounts: Requirements, chosen: readonly Amount[]): Requirements =>
  requirementsFrom(
    RESOURCES.map((resource) => {
      const [request, limit] = [amounts.requests[resource], amounts.limits[resource]];
      const frugal = FRUGAL_LIMITS[name][resource];
      const units = (text: string): number => unitsOf(resource, text);
      const byPod = (["limits", "requests"] as const)
        .map((kind) => chosen.find(({ place }) => place === `${kind}.${resource}`)?.quantity)
        .find((one) => one !== undefined);
      const smaller = units(limit) < units(frugal) ? limit : frugal;
      const asked = byPod ?? (units(request) > units(smaller) ? request : smaller);
      // A request may be lower than any limit may be.
      const least = FLOORS[name].limits[resource];
      const both = units(asked) < units(least) ? least : asked;
      return [resource, [both, both]];
    }),
  );

interface FittedAmounts {
  readonly amounts: Requirements;
  readonly limitRanges: readonly string[];
  readonly findings: readonly Finding[];
}

function fitted(
  name: OwnContainer,
  amounts: Requirements,
  total: Total | undefined,
  { pod, facts }: ResourcesInput,
  stays: boolean,
): FittedAmounts {
  const results = RESOURCES.map((resource) => {
    const pairOf = ({ requests, limits }: Requirements): Pair => ({
      request: unitsOf(resource, requests[resource]),
      limit: unitsOf(resource, limits[resource]),
    });
    const [asked, floor] = [pairOf(amounts), pairOf(FLOORS[name])];
    const found = boundsOf(resource, pod, facts.limitRanges, total, floor.limit);
    const bounds = stays ? { ...found, ratio: { ...found.ratio, value: 1 } } : found;
    const frugal = unitsOf(resource, FRUGAL_LIMITS[name][resource]);
    const got = fit(asked, floor, frugal, bounds);
    const text = (units: number, before: number, written: string): string =>
      units === before ? written : quantityFrom(resource, units);
    const isChanged = got.request !== asked.request || got.limit !== asked.limit;
    return {
      pair: [
        resource,
        [
          text(got.request, asked.request, amounts.requests[resource]),
          text(got.limit, asked.limit, amounts.limits[resource]),
        ],
      ] as const,
      by: isChanged ? Object.values(bounds).flatMap((one: Bound) => one.from?.name ?? []) : [],
      findings: got.short === undefined ? [] : tooTight(name, resource, got.short, total, facts),
    };
  });
  return {
    amounts: requirementsFrom(results.map(({ pair }) => pair)),
    limitRanges: results.flatMap(({ by }) => by),
    findings: results.flatMap(({ findings }) => findings),
  };
}

function tooTight(
  name: OwnContainer,
  resource: Resource,
  { kind, bound: { from } }: NonNullable<Fitted["short"]>,
  total: Total | undefined,
  { namespace }: Pick<Facts, "namespace">,
): readonly Finding[] {
  if (from === undefined) return [];
  const places = `${kind}s` as const;
  const max = `max.${resource}=${from.item.max[resource]}`;
  const needs = `${name} needs at least ${places}.${resource}=${FLOORS[name][places][resource]}`;
  const isOfPod = from.item.type === "Pod" && total !== undefined;
  const taken = isOfPod
    ? `, of which the pod's own containers take ${quantityFrom(resource, total(places, resource))}`
    : "";
  const message = `LimitRange ${JSON.stringify(from.name)} of namespace ${namespace.name} allows a ${from.item.type.toLowerCase()} at most ${max}${taken}, and ${needs}.`;
  const orLower = isOfPod ? `, or lower ${places}.${resource} of the pod's containers` : "";
  const remedy = `Ask a cluster admin to raise it (kubectl -n ${namespace.name} edit limitrange ${from.name})${orLower}.`;
  return [finding("LIMIT_RANGE_TOO_TIGHT", message, remedy)];
}
