import { RESERVED_PREFIX } from "../../sidecar/contract/pod.ts";
import { finding, type Finding } from "../model/findings.ts";
import { isPodroleContainer } from "../model/user-containers.ts";
import { allContainers, type Pod } from "../model/pod.ts";
import { SOURCE_VOLUMES } from "../sources/sources.ts";
import { type Protected } from "./presence.ts";
import { containerHazards } from "./container-hazards.ts";

/** Denies pods that could undo the guard or expose the sidecar: admission's part of deploy/docs/security.md. Pure. */
export function hazards(pod: Pod, protect: Protected): readonly Finding[] {
  const users = allContainers(pod.spec).filter(
    ({ list, container }) => !(list === "initContainers" && isPodroleContainer(container)),
  );
  return [
    ...sharedNamespaces(pod, protect),
    ...hostPaths(pod, protect),
    ...reservedVolumes(pod),
    ...users.flatMap(({ container }) => containerHazards(container, pod, protect)),
  ];
}

/**
 * The host's process table holds every other pod's sidecar too, and a container with the same uid can reach it. So pods
 * without a role may not share it either.
 */
function sharedNamespaces({ spec }: Pod, { sidecar }: Protected): readonly Finding[] {
  const hostFields = (["hostPID", "hostIPC"] as const).filter((field) => spec[field] === true);
  const podField = sidecar && spec.shareProcessNamespace === true ? (["shareProcessNamespace"] as const) : [];
  return [...hostFields, ...podField].map((field) =>
    finding(
      "HOST_NAMESPACE",
      `The pod sets ${field}, which exposes the memory and files of a sidecar.`,
      `Remove ${field} from the pod.`,
    ),
  );
}

/**
 * The guard needs a namespace at Pod Security level `privileged`, where nothing else forbids these: the kubelet's folder
 * holds every pod's tokens, the runtime's socket is root on the node.
 */
function hostPaths({ spec }: Pod, { hostPath }: Protected): readonly Finding[] {
  const code = hostPath === "deny" ? "HOST_PATH" : "HOST_PATH_ALLOWED";
  return (spec.volumes ?? [])
    .filter((volume) => volume["hostPath"] != null)
    .map(({ name }) =>
      finding(
        code,
        `The volume ${JSON.stringify(name)} is a path of the node, through which the pod could reach other pods' credentials.`,
        "Use a volume of another kind, or run the pod in a namespace without podrole.",
      ),
    );
}

function reservedVolumes({ spec }: Pod): readonly Finding[] {
  return (spec.volumes ?? [])
    .filter(({ name }) => name.startsWith(RESERVED_PREFIX) && !SOURCE_VOLUMES.has(name))
    .map(({ name }) =>
      finding(
        "RESERVED_NAME",
        `The volume ${JSON.stringify(name)} uses a name that is reserved for podrole.`,
        "Rename the volume.",
      ),
    );
}
