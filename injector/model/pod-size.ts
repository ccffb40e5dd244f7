import { allContainers, type Container, type Pod } from "./pod.ts";
import { recordsIn } from "./read.ts";

/**
 * More than any pod needs, so that what is found in a pod stays in proportion to what the API server can store. Nobody has
 * validated the object yet: the API server does so after its webhooks.
 */
const CONTAINERS_MAX = 1000;
/** Of all lists whose entries can each be the subject of a finding. */
const ENTRIES_MAX = 10_000;
/** Kubernetes takes 63 characters. Each finding about a container repeats the name. */
const NAME_MAX = 253;
/** Kubernetes' own limit for keys and values together. Some values are JSON, which is parsed. */
const ANNOTATIONS_MAX = 256 * 1024;

/** What there is too much of in a pod, such as `pod.spec has more than 1000 containers`; undefined if nothing is. */
export function podExcess({ metadata, spec }: Pod): string | undefined {
  const containers = allContainers(spec).map(({ container }) => container);
  if (containers.length > CONTAINERS_MAX) return `pod.spec has more than ${CONTAINERS_MAX} containers`;
  const names = [...containers, ...(spec.volumes ?? []), ...containers.flatMap(mountsOf)];
  const entries = names.length + sum(containers.map(othersIn)) + othersInSpec(spec);
  if (entries > ENTRIES_MAX)
    return `pod.spec has more than ${ENTRIES_MAX} volumes, mounts, ports and the like`;
  const long = names.find(({ name }) => name.length > NAME_MAX);
  if (long !== undefined) {
    return `a name in pod.spec is longer than ${NAME_MAX} characters: ${JSON.stringify(long.name.slice(0, 60))}`;
  }
  const annotations = Object.entries(metadata?.annotations ?? {});
  return sum(annotations.map(([key, value]) => key.length + (value?.length ?? 0))) > ANNOTATIONS_MAX
    ? `pod.metadata.annotations is longer than ${ANNOTATIONS_MAX} characters`
    : undefined;
}

const mountsOf = ({ volumeMounts }: Container) => volumeMounts ?? [];

function othersIn(container: Container): number {
  const { add, drop } = container.securityContext?.capabilities ?? {};
  return recordsIn(container, "ports").length + (add?.length ?? 0) + (drop?.length ?? 0);
}

const othersInSpec = (spec: Pod["spec"]): number =>
  recordsIn(spec.securityContext ?? {}, "sysctls").length +
  sum(recordsIn(spec, "hostAliases").map((alias) => 1 + lengthOf(alias["hostnames"])));

const lengthOf = (value: unknown): number => (Array.isArray(value) ? value.length : 0);

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
