import type { Facts } from "../model/facts.ts";
import { LINKERD_GID, LINKERD_PROXY_GID, meshOf, type Mesh } from "../model/mesh.ts";
import type { Pod } from "../model/pod.ts";

/** How guard and sidecar of a pod in a service mesh get past the mesh's redirect, also before the mesh's proxy runs. */
export interface MeshIntent extends Mesh {
  /** Their group: the mesh's redirect leaves its connections alone. Undefined: they go through the proxy. */
  readonly gid: number | undefined;
  /** What tells the mesh of that group, if it has to be told. */
  readonly annotation: Readonly<Record<string, string>> | undefined;
}

/**
 * The sidecar joins the group of the mesh's proxy, to reach STS, and so does a guard in mode `verify`: it has to see what nodes
 * and network answer, not a redirect to a proxy that does not run yet. The sidecar keeps a uid of its own, on which everything rests that
 * protects it; a group gives it no right over the proxy, and the proxy none over it.
 *
 * Linkerd leaves out a group only if one is set. Its CNI plugin reads the pod's annotation when it writes the rules, so podrole sets
 * one. An init container of Linkerd's has its group in its arguments, and podrole changes no container of others: the first call to
 * STS comes before it, and later ones go through the proxy, which runs by then.
 */
export function intendMesh(pod: Pod, { namespace }: Pick<Facts, "namespace">): MeshIntent | undefined {
  const mesh = meshOf(pod, namespace);
  if (mesh === undefined) return undefined;
  const gid = mesh.proxyGid ?? (mesh.mode === "init" ? undefined : LINKERD_GID);
  const annotation =
    mesh.name === "Linkerd" && gid !== undefined ? { [LINKERD_PROXY_GID]: String(gid) } : undefined;
  return { ...mesh, gid, annotation };
}
