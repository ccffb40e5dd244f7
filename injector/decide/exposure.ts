import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { irsaSkipKeys } from "../config/annotation-keys.ts";
import { annotation, containerRoleKey, type Keys } from "../model/annotations.ts";
import { finding, type Finding } from "../model/findings.ts";
import { namesOf } from "../model/name-list.ts";
import { isPodroleName, userContainers } from "../model/user-containers.ts";
import { type Pod } from "../model/pod.ts";

// A set: an object that is yet to be validated may hold a hundred thousand names.
const namesIn = (pod: Pod, key: string): ReadonlySet<string> | undefined => {
  const raw = annotation(pod.metadata?.annotations, key);
  return raw === undefined ? undefined : new Set(namesOf(raw));
};

/**
 * Whether a container of this name gets credentials, by the pod's annotations; any does where none is set. What excludes a
 * container from IRSA excludes it here too, or it would get the role by moving to podrole. Annotations of podrole's own go
 * first: who names the container in one of them has decided anew.
 */
export function exposes(pod: Pod, keys: Keys): (name: string) => boolean {
  const only = namesIn(pod, ANNOTATION.containers);
  const skipped = namesIn(pod, ANNOTATION.skipContainers);
  const ofIrsa = irsaSkipKeys(keys).map((key) => namesIn(pod, key));
  const hasOwnRole = (name: string): boolean =>
    annotation(pod.metadata?.annotations, containerRoleKey(name)) !== undefined;
  return (name) => {
    if (skipped?.has(name) === true) return false;
    if (only !== undefined) return only.has(name);
    return hasOwnRole(name) || !ofIrsa.some((names) => names?.has(name) === true);
  };
}

/** The keys of the annotations by which the pod's author says which containers get credentials. */
export const exposingAnnotations = (pod: Pod, keys: Keys): readonly string[] =>
  [ANNOTATION.containers, ANNOTATION.skipContainers, ...irsaSkipKeys(keys)].filter((key) => {
    const names = namesIn(pod, key);
    return names !== undefined && (names.size === 0 || [...names].some((name) => !isPodroleName(name)));
  });

/**
 * The names of the user's containers that get credentials. A name that the pod does not have is refused where credentials
 * were to go to it. Where it was to get none, another webhook may still add that container.
 */
export function exposedContainers(
  pod: Pod,
  keys: Keys,
): {
  readonly exposed: readonly string[];
  readonly findings: readonly Finding[];
} {
  const names = userContainers(pod).map(({ name }) => name);
  const known = new Set(names);
  // Built once, not for each unknown name: there may be very many of both.
  const present = names.join(", ").slice(0, 400);
  const unknownIn = (key: string): readonly string[] =>
    [...(namesIn(pod, key) ?? [])].filter((name) => !known.has(name));
  const shown = (name: string): string => JSON.stringify(name.slice(0, 80));
  const misnamed = unknownIn(ANNOTATION.containers).map((name) => {
    const message = `The annotation ${ANNOTATION.containers} names ${shown(name)}, which is not a container of the pod.`;
    return finding("CONTAINER_UNKNOWN", message, `Name one of the pod's containers: ${present}.`);
  });
  const absent = [ANNOTATION.skipContainers, ...irsaSkipKeys(keys)].flatMap((key) => {
    // podrole itself adds its containers to the lists of webhooks for IRSA.
    const unknown = unknownIn(key).filter((name) => !isPodroleName(name));
    if (unknown.length === 0) return [];
    const few = [...unknown.slice(0, 5).map(shown), ...(unknown.length > 5 ? ["others"] : [])].join(", ");
    const message = `The annotation ${key} names ${few}, which the pod does not have.`;
    const remedy = `Correct it, unless another webhook adds that container: then it gets no credentials. The pod's containers are ${present}.`;
    return [finding("SKIPPED_UNKNOWN", message, remedy)];
  });
  return { exposed: names.filter(exposes(pod, keys)), findings: [...misnamed, ...absent] };
}
