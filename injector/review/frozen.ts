import type { Pod } from "../model/pod.ts";
import { type Keys, annotation, containerRoleKey, annotationsByKey } from "../model/annotations.ts";
import { irsaSkipKeys } from "../config/annotation-keys.ts";
import { type Finding, finding } from "../model/findings.ts";
import { containerRoleKeys } from "../decide/container-roles.ts";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { MESH_INIT_NAMES } from "../model/mesh-init.ts";
import { CONTAINER } from "../../sidecar/contract/pod.ts";

/**
 * Changes that a running pod may not have: of podrole's annotations, and of the images of guard, sidecar and a mesh's init
 * container.
 */
export const frozenChanges = (before: Pod, after: Pod, keys: Keys): readonly Finding[] => [
  ...changedAnnotations(before, after, keys),
  ...changedImages(before, after),
];

/** Annotations are applied at creation; editing them later would misstate what the pod has. */
function changedAnnotations(before: Pod, after: Pod, keys: Keys): readonly Finding[] {
  const value = ({ metadata }: Pod, key: string): string | undefined =>
    annotation(metadata?.annotations, key);
  const ofContainers = [before, after].flatMap((pod) =>
    [...containerRoleKeys(pod).keys()].map(containerRoleKey),
  );
  const ofPods = [...annotationsByKey(keys)].flatMap(([key, { on }]) => (on === "Pod" ? [key] : []));
  return [...new Set([...ofPods, ...irsaSkipKeys(keys), ...ofContainers])]
    .filter((key) => value(before, key) !== value(after, key))
    .map((key) =>
      finding(
        "POD_FROZEN",
        `The annotation ${key} of a running pod cannot be changed: the pod keeps the values it was created with.`,
        key === ANNOTATION.status ? "Leave it unchanged." : "Change it in the workload, or recreate the pod.",
      ),
    );
}

/**
 * An image is among the few things that can be changed of a running pod. A mesh's init container has NET_ADMIN, and the
 * kubelet runs it again in a new sandbox.
 */
function changedImages(before: Pod, after: Pod): readonly Finding[] {
  const image = ({ spec }: Pod, name: string): string | undefined =>
    spec.initContainers?.find((container) => container.name === name)?.image;
  return [...Object.values(CONTAINER), ...MESH_INIT_NAMES]
    .filter((name) => image(before, name) !== image(after, name))
    .map((name) =>
      finding("POD_FROZEN", `The image of ${name} in a running pod cannot be changed.`, "Recreate the pod."),
    );
}
