import { isDeepStrictEqual } from "node:util";
import { RESERVED_PREFIX } from "../../sidecar/contract/pod.ts";
import { commonResources } from "../model/own-resources.ts";
import type { Container, EnvVar, Pod, VolumeMount } from "../model/pod.ts";
import { fieldsIn, isRecord, type Fields } from "../model/read.ts";
import { isPodroleContainer } from "../model/user-containers.ts";

/**
 * The pod without what others have added to guard and sidecar: agents for tracing and for secrets add variables, mounts and the like
 * to every container. What others have changed or removed stays as it is, and tampered-containers.ts refuses it.
 * @param expected guard and sidecar as an earlier pass wrote them
 */
export function withoutAdditions(pod: Pod, expected: readonly Container[]): Pod {
  const present = pod.spec.initContainers ?? [];
  const kept = present.map((container) => {
    const ours = isPodroleContainer(container)
      ? expected.find(({ name }) => name === container.name)
      : undefined;
    return ours === undefined ? container : withoutAdded(container, ours);
  });
  return kept.every((container, index) => container === present[index])
    ? pod
    : { ...pod, spec: { ...pod.spec, initContainers: kept } };
}

const VARIABLE_PREFIX = "PODROLE_";

/** Fields that are looked at even if podrole does not write them: one that others may set, see own-content.ts, and variables. */
const ALLOWED: ReadonlySet<string> = new Set(["resizePolicy", "env"]);

/** The same object if nothing was added. */
function withoutAdded(container: Container, ours: Container): Container {
  const kept = Object.fromEntries(
    Object.entries(container)
      .filter(([key]) => Object.hasOwn(ours, key) || ALLOWED.has(key))
      .map(([key, value]) => [key, partOf(key, value, ours)]),
  );
  return isDeepStrictEqual(kept, container) ? container : { ...kept, name: container.name };
}

/**
 * A field that podrole writes too, without what others have added in it. Of the security context nothing is taken off: who adds to
 * that in every container means it to hold in every container.
 */
function partOf(key: string, value: unknown, ours: Container): unknown {
  if (key === "env" && Array.isArray(value)) return ofOurNames(value as readonly EnvVar[], ours);
  if (key === "volumeMounts" && Array.isArray(value))
    return ofOurPlaces(value as readonly VolumeMount[], ours);
  if (key === "lifecycle" && isRecord(value)) return ofOurKeys(value, fieldsIn(ours, key));
  if (key === "resources" && isRecord(value)) return commonResources(value);
  return value;
}

/**
 * By name alone: a second variable with a name of podrole's is no addition, since the later one counts. Nor is any other variable
 * that podrole's programs read: it comes from other settings, and the rest of the pod may depend on it.
 */
function ofOurNames(env: readonly EnvVar[], ours: Container): readonly EnvVar[] {
  const names = new Set((ours.env ?? []).map(({ name }) => name));
  return env.filter(({ name }) => names.has(name) || name.startsWith(VARIABLE_PREFIX));
}

function ofOurPlaces(mounts: readonly VolumeMount[], ours: Container): readonly VolumeMount[] {
  const places = new Set((ours.volumeMounts ?? []).map(({ mountPath }) => mountPath));
  return mounts.filter(({ name, mountPath }) => places.has(mountPath) || name.startsWith(RESERVED_PREFIX));
}

const ofOurKeys = (value: Fields, ours: Fields): Fields =>
  Object.fromEntries(Object.entries(value).filter(([key]) => Object.hasOwn(ours, key)));
