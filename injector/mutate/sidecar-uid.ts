import { SIDECAR_UIDS } from "../../sidecar/contract/pod.ts";
import { earlierGids } from "../model/mesh.ts";
import { gidOfSidecar, isGuarding, sidecarIn, uidOfSidecar } from "../model/own-form.ts";
import { allContainers, type Pod, type PodSecurityContext } from "../model/pod.ts";
import { isPodroleContainer } from "../model/user-containers.ts";
import type { Fresh } from "./fresh.ts";

/**
 * The uid of the pod's sidecar: the one that an earlier pass gave it, or else a new one that nothing in the pod names.
 * Undefined if the pod names every one.
 *
 * The sidecar can read its projected tokens as any uid: the kubelet keeps such a file for one uid only if every container of
 * the pod names that uid (FsUserFrom), and with an fsGroup, every container of the pod is in that group. A sidecar that starts as
 * root: see guard-and-sidecar.ts.
 */
export function sidecarUid(pod: Pod, fresh: Fresh): number | undefined {
  const taken = namedIds(pod);
  const present = presentUid(pod);
  if (present !== undefined && !taken.has(present)) return present;
  const { min, max } = SIDECAR_UIDS;
  const count = max - min + 1;
  const first = fresh.uid() - min;
  for (let step = 0; step < count; step += 1) {
    const uid = min + ((first + step) % count);
    if (!taken.has(uid)) return uid;
  }
  return undefined;
}

/** The uid of the sidecar that is in the pod; undefined where it has none, or one that podrole would not give it. */
export function presentUid({ spec }: Pod): number | undefined {
  const sidecar = sidecarIn(spec);
  const uid = sidecar && uidOfSidecar(sidecar);
  return uid != null && Number.isInteger(uid) && uid >= SIDECAR_UIDS.min && uid <= SIDECAR_UIDS.max
    ? uid
    : undefined;
}

/**
 * The gid that is in the pod, if an earlier pass may have written that one because it knew less of the pod's mesh: the
 * mesh's webhook comes afterwards, and only its container names another group than the usual one.
 */
export function earlierGid(pod: Pod): number | undefined {
  const { uid, gid } = presentIds(pod);
  return gid !== undefined && [uid, ...earlierGids(pod)].includes(gid) ? gid : undefined;
}

/** Of the sidecar; in a pod without one, of the guard, which has ids like a sidecar's in mode `verify`. */
function presentIds(pod: Pod): { readonly uid: number | undefined; readonly gid: number | undefined } {
  const sidecar = sidecarIn(pod.spec);
  const uid = presentUid(pod);
  if (sidecar !== undefined) return { uid, gid: gidOfSidecar(sidecar) ?? uid };
  const guard = pod.spec.initContainers?.find(isGuarding);
  return { uid: SIDECAR_UIDS.min, gid: guard?.securityContext?.runAsGroup ?? undefined };
}

/** Every uid and gid that the pod and its other containers name. */
function namedIds({ spec }: Pod): ReadonlySet<number | undefined> {
  const contexts: readonly (PodSecurityContext | undefined)[] = [
    spec.securityContext,
    ...allContainers(spec)
      .filter(({ list, container }) => !(list === "initContainers" && isPodroleContainer(container)))
      .map(({ container }) => container.securityContext),
  ];
  return new Set(
    contexts.flatMap((one) => [
      one?.runAsUser,
      one?.runAsGroup,
      one?.fsGroup,
      ...(one?.supplementalGroups ?? []),
    ]),
  );
}
