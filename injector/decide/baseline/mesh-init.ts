import type { InjectorConfig } from "../../config/installation.ts";
import {
  differencesOfInit,
  entryOf,
  leavesOutGroup,
  MESH_INIT_CAPABILITIES,
  meshOfInit,
} from "../../model/mesh-init.ts";
import { LINKERD_GID, LINKERD_PROXY_GID, type MeshName } from "../../model/mesh.ts";
import { named, type Container, type Pod } from "../../model/pod.ts";
import { hasOpenUid, type Presence } from "../presence.ts";
import type { Subject, Violation } from "./control.ts";

/** Which init containers of meshes an installation trusts with NET_ADMIN. */
export interface MeshTrust {
  /** The setting meshInitImages. */
  readonly images: readonly string[];
  /** Whether the guard lets the sidecar's uid through. What a mesh's redirect makes of that uid's packets is not proven. */
  readonly openUid: boolean;
  /** Whether the guard is in mode `verify`. */
  readonly verifies: boolean;
}

export const meshTrust = (
  { meshInitImages }: Pick<InjectorConfig, "meshInitImages">,
  presence: Presence,
): MeshTrust => ({
  images: meshInitImages,
  openUid: hasOpenUid(presence),
  verifies: presence.guard === "verify",
});

/** Where no init container is looked at. */
export const NO_MESH_TRUST: MeshTrust = { images: [], openUid: false, verifies: false };

/** What a container adds of the two capabilities that a mesh's init container needs. */
const added = ({ securityContext }: Container): readonly string[] =>
  (securityContext?.capabilities?.add ?? []).filter((name) => MESH_INIT_CAPABILITIES.includes(name));

/** The mesh whose init container this is. As an app's or an ephemeral container it could run beside the app. */
function meshWhoseInitIs(container: Container, { spec }: Pod): MeshName | undefined {
  const mesh = meshOfInit(container.name);
  // In this order: a pod may have thousands of init containers.
  return mesh !== undefined && spec.initContainers?.includes(container) === true ? mesh : undefined;
}

/** Whether the control `meshInit` answers for a capability that the container adds, instead of `capabilities`. */
export const isForMesh = (capability: string, container: Container, { pod, guard }: Subject): boolean =>
  guard && MESH_INIT_CAPABILITIES.includes(capability) && meshWhoseInitIs(container, pod) !== undefined;

/**
 * Whether the container is a mesh's own program in the one form that the mesh's webhook writes; if not, what is wrong.
 *
 * In mode `verify` there are no rules that it could remove. It is trusted no further than in mode `block`: with NET_ADMIN another program
 * could lead to itself what the app sends to the sidecar, and take an address that a network policy lets through. The mesh's own
 * redirect does neither. The proxy behind it is in the same network, so the metadata service is out of its reach as well.
 */
function judge(container: Container, mesh: MeshName, pod: Pod, trust: MeshTrust): Violation | undefined {
  const install = `a cluster admin to install ${mesh}'s CNI plugin, which needs no such container`;
  const no = (as: string, remedy: string): Violation => ({
    what: `${named(container)} of ${mesh}${as} adds ${added(container).join(" and ")}`,
    remedy,
  });
  if (pod.spec.hostNetwork === true) return no(", on the node's network,", "Remove hostNetwork from the pod");
  // Another process of the pod could be in reach of the program while it runs.
  if (pod.spec.shareProcessNamespace === true) {
    return no(", with shareProcessNamespace,", "Remove shareProcessNamespace from the pod");
  }
  if (trust.openUid) return no(", with source node,", `Ask ${install}, or to choose source web-identity`);
  const entry = entryOf(mesh, container.image ?? "");
  if (entry === undefined || !trust.images.includes(entry)) {
    const line = entry ?? "an entry for its image, which has to name its registry,";
    const where = trust.verifies ? ", if the namespace is at Pod Security level privileged," : "";
    return no("", `Ask ${install}, or${where} to add ${line} to the setting meshInitImages`);
  }
  // Through the redirect, guard and sidecar would try the proxy, which answers in the place of the metadata service.
  if (trust.verifies && mesh === "Linkerd" && !leavesOutGroup(container)) {
    const group = `to set the annotation ${LINKERD_PROXY_GID} of the namespace, such as to "${LINKERD_GID}"`;
    return no(
      ", beside a guard in mode verify and without a group of the proxy,",
      `Ask ${install}, or ${group}`,
    );
  }
  const differences = differencesOfInit(container, mesh, pod);
  if (differences.length === 0) return undefined;
  const shown = differences.slice(0, 5).join(", ").slice(0, 200);
  return no(
    `, which is not as ${mesh} writes it (${shown}),`,
    `Leave it as ${mesh} writes it, or ask ${install}`,
  );
}

export const meshInits = (subject: Subject): readonly Violation[] =>
  subject.containers.flatMap((container) => {
    const mesh = meshWhoseInitIs(container, subject.pod);
    if (mesh === undefined || added(container).length === 0) return [];
    return judge(container, mesh, subject.pod, subject.meshes) ?? [];
  });

/** Whether the container keeps the capabilities that it adds. */
export function isTrustedMeshInit(container: Container, pod: Pod, trust: MeshTrust): boolean {
  const mesh = meshWhoseInitIs(container, pod);
  return mesh !== undefined && judge(container, mesh, pod, trust) === undefined;
}
