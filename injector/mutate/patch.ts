import jsonPatch, { type Operation } from "fast-json-patch";
import { isPodroleContainer } from "../model/user-containers.ts";
import type { Container, Pod } from "../model/pod.ts";

export type { Operation };

const INIT = "/spec/initContainers";

/**
 * The difference of two pods, as RFC 6902 operations. podrole's containers become single insertions: a comparison index by
 * index would give "replace name, replace image …" for every init container of the user, which is unreadable in an audit
 * log.
 */
export function patchBetween(before: Pod, after: Pod): readonly Operation[] {
  const { operations, aligned } = alignInitContainers(before, after);
  return [...operations, ...jsonPatch.compare(aligned, after)];
}

function alignInitContainers(
  before: Pod,
  after: Pod,
): { readonly operations: readonly Operation[]; readonly aligned: Pod } {
  const present = before.spec.initContainers;
  const wanted = after.spec.initContainers ?? [];
  if (wanted.length === 0) return { operations: [], aligned: before };
  if (!present?.length) {
    return {
      operations: [{ op: "add", path: INIT, value: wanted }],
      aligned: { ...before, spec: { ...before.spec, initContainers: wanted } },
    };
  }
  const injected = wanted.filter(isPodroleContainer);
  const inPlace = injected.every((container, index) => present[index] === container);
  if (inPlace) return { operations: [], aligned: before };
  const users = present.filter((container) => !isPodroleContainer(container));
  const removals = present
    .map((container, index): { container: Container; index: number } => ({ container, index }))
    .filter(({ container }) => isPodroleContainer(container))
    .toReversed()
    .map(({ index }): Operation => ({ op: "remove", path: `${INIT}/${index}` }));
  const insertions = injected.map((value, index): Operation => ({
    op: "add",
    path: `${INIT}/${index}`,
    value,
  }));
  return {
    operations: [...removals, ...insertions],
    aligned: { ...before, spec: { ...before.spec, initContainers: [...injected, ...users] } },
  };
}
