import type { Pod } from "../model/pod.ts";

/** The user who creates the pod, by the API server's name; undefined offline. */
export type Requester = string | undefined;

/**
 * A mirror pod: a node's copy of a static pod, which the kubelet does not run from the API server. Only a node may create
 * one: otherwise any user could bypass the guard with this annotation.
 */
export function isMirror({ metadata }: Pod, requester: Requester): boolean {
  const marked = metadata?.annotations?.["kubernetes.io/config.mirror"] !== undefined;
  return marked && (requester === undefined || requester.startsWith("system:node:"));
}

/** Scheduler and kubelet keep such a pod off Linux nodes, and the guard cannot run on Windows nodes. */
export const isWindows = ({ spec }: Pod): boolean =>
  spec.os?.name === "windows" ||
  (spec.os?.name == null && spec.nodeSelector?.["kubernetes.io/os"] === "windows");
