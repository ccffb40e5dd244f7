import type { Pod } from "../model/pod.ts";

/** Who asks: the API server's user name, or undefined offline. */
export type Requester = string | undefined;

/**
 * A node's own copy of a static pod, which the kubelet never runs from here. Only a node may make one: from anybody else
 * the annotation would be a way round the guard.
 */
export function isMirror({ metadata }: Pod, requester: Requester): boolean {
  const marked = metadata?.annotations?.["kubernetes.io/config.mirror"] !== undefined;
  return marked && (requester === undefined || requester.startsWith("system:node:"));
}

/** The scheduler and the kubelet hold such a pod off Linux nodes, and no guard could run on the others. */
export const isWindows = ({ spec }: Pod): boolean =>
  spec.os?.name === "windows" ||
  (spec.os?.name == null && spec.nodeSelector?.["kubernetes.io/os"] === "windows");
