import type { Container, Volume, VolumeMount } from "./pod.ts";

/** Mounts of the node's paths. */

/**
 * Whether a mount is read-only, and podrole may make it so throughout. Kubernetes takes `recursiveReadOnly` together with
 * `readOnly` only, and without mount propagation.
 */
export const isReadOnlyThroughout = ({
  readOnly,
  recursiveReadOnly,
  mountPropagation,
}: VolumeMount): boolean =>
  readOnly === true &&
  (recursiveReadOnly == null || isRecursive(recursiveReadOnly)) &&
  (mountPropagation == null || mountPropagation === "None");

const isRecursive = (written: unknown): boolean => written === "IfPossible" || written === "Enabled";

/**
 * Given a pod's volumes, makes a container's read-only mounts of the node's paths read-only throughout: `readOnly` alone leaves
 * a file system of its own below the path writable, such as /var/log/pods on nodes of EKS with local disks. `IfPossible`, since
 * container runtimes before containerd 2.0 and CRI-O 1.30 cannot.
 */
export function readOnlyThroughout(volumes: readonly Volume[]): (container: Container) => Container {
  const ofNode = new Set(volumes.filter(({ hostPath }) => hostPath != null).map(({ name }) => name));
  const lacks = (mount: VolumeMount): boolean =>
    ofNode.has(mount.name) && isReadOnlyThroughout(mount) && !isRecursive(mount["recursiveReadOnly"]);
  const adapted = (mount: VolumeMount): VolumeMount =>
    lacks(mount) ? { ...mount, recursiveReadOnly: "IfPossible" } : mount;
  return (container) =>
    container.volumeMounts?.some(lacks) === true
      ? { ...container, volumeMounts: container.volumeMounts.map(adapted) }
      : container;
}
