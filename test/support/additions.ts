import jsonPatch, { type Operation } from "fast-json-patch";
import { patchBetween } from "../../injector/mutate/patch.ts";
import type { Pod } from "../../injector/model/pod.ts";

const OURS = /^podrole-(?:guard|sidecar)$/;

/** Applies a patch to a copy, as the API server does. */
export function applied(before: Pod, operations: readonly Operation[]): Pod {
  const copy = structuredClone(before);
  return jsonPatch.applyPatch(copy, structuredClone([...operations]), true, false).newDocument;
}

/**
 * Undoes podrole's patch, operation by operation from its end. The result must be the original pod,
 * byte for byte.
 */
export function withoutAdditions(before: Pod, after: Pod): string {
  const inverse: Operation[] = [];
  let state = structuredClone(before);
  for (const operation of patchBetween(before, after)) {
    const existed = jsonPatch.getValueByPointer(state, operation.path) as unknown;
    const insertsIntoList = /\/\d+$/.test(operation.path);
    inverse.unshift(undoing(operation, insertsIntoList ? undefined : existed, existed));
    state = applied(state, [operation]);
  }
  return JSON.stringify(applied(after, inverse));
}

/** @param replaced the value that an `add` overwrote, if any */
function undoing({ op, path }: Operation, replaced: unknown, existed: unknown): Operation {
  if (op === "add" && replaced === undefined) return { op: "remove", path };
  if (op === "add" || op === "replace") return { op: "replace", path, value: existed };
  if (op === "remove") return { op: "add", path, value: existed };
  throw new Error(`podrole writes no patch operation ${op}`);
}

/**
 * The operations of a patch that are no additions: those that replace or remove something of the user's, and those that write
 * a whole list of containers. Empty for a patch that only adds, as podrole's patch must.
 */
export function intrusions(before: Pod, operations: readonly Operation[]): readonly string[] {
  let state = structuredClone(before);
  const found: string[] = [];
  for (const operation of operations) {
    const old = jsonPatch.getValueByPointer(state, operation.path) as unknown;
    if (!harmless(operation, old) && !extendsList(operation, old))
      found.push(`${operation.op} ${operation.path}`);
    state = applied(state, [operation]);
  }
  return found;
}

/** podrole adds its containers to the user's list. */
const extendsList = (operation: Operation, old: unknown): boolean =>
  operation.op === "replace" &&
  operation.path === "/metadata/annotations/eks.amazonaws.com~1skip-containers" &&
  typeof old === "string" &&
  String(operation.value).startsWith(old);

function harmless(operation: Operation, old: unknown): boolean {
  const { op, path } = operation;
  const containerList = /^\/spec\/(?:containers|initContainers|ephemeralContainers)$/.test(path);
  const container = /^\/spec\/(?:containers|initContainers|ephemeralContainers)\/\d+$/.test(path);
  const name = (old as { name?: unknown } | null | undefined)?.name;
  if (op === "remove") return container && typeof name === "string" && OURS.test(name);
  // Kubernetes treats null like absent, and an empty list contains no user container.
  if (containerList) return op === "add" && (old == null || (Array.isArray(old) && old.length === 0));
  if (op === "add") return container || old === undefined || /\/\d+$/.test(path);
  if (op !== "replace") return false;
  return (
    old === null ||
    /\/env\/\d+\/value$/.test(path) ||
    path === "/metadata/annotations/podrole.dev~1status" ||
    path.endsWith("/securityContext/allowPrivilegeEscalation")
  );
}
