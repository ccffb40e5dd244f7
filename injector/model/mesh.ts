import type { NamespaceFacts } from "./facts.ts";
import type { Container, Pod } from "./pod.ts";

/**
 * Service meshes that redirect a pod's connections to a proxy in the pod. Istio in ambient mode is none of them: its proxy is one for
 * the node and answers before the pod starts.
 */
export type MeshName = "Istio" | "Linkerd";

/** The mesh that a pod is in, or will be in once the mesh's webhook has seen it. */
export interface Mesh {
  readonly name: MeshName;
  /**
   * Who writes the redirect: the mesh's CNI plugin, before any container of the pod starts, or an init container with NET_ADMIN.
   * Undefined as long as the mesh's containers are not in the pod.
   */
  readonly mode: "cni" | "init" | undefined;
  /** The group whose connections the redirect leaves alone, because the proxy has it. Undefined if nobody has set one. */
  readonly proxyGid: number | undefined;
}

/** The containers that each mesh's webhook adds, by their fixed names. */
export const MESH_CONTAINERS = {
  Istio: { proxy: "istio-proxy", init: "istio-init", validator: "istio-validation" },
  Linkerd: { proxy: "linkerd-proxy", init: "linkerd-init", validator: "linkerd-network-validator" },
} as const satisfies Record<MeshName, Record<"proxy" | "init" | "validator", string>>;

/** Istio's proxy has this uid and gid, and its rules assume it where the container names none (cni/pkg/plugin/sidecar_redirect.go). */
const ISTIO_GID = 1337;

/** The number of the uid that Linkerd's proxy has by default. By default it has no group of its own. */
export const LINKERD_GID = 2102;

/** Of Linkerd's webhook and CNI plugin, for a pod or its namespace. */
export const LINKERD_PROXY_GID = "config.linkerd.io/proxy-gid";

/**
 * The mesh that the pod is in. Containers go before announcements, and the pod's own announcements before the namespace's, as the
 * meshes' webhooks read them. A namespace in which a webhook injects with no mark at all is known only by the containers.
 */
export function meshOf(
  pod: Pod,
  namespace: Pick<NamespaceFacts, "labels" | "annotations">,
): Mesh | undefined {
  const name =
    NAMES.find((one) => hasContainers(pod, one)) ?? NAMES.find((one) => ANNOUNCED[one](pod, namespace));
  if (name === undefined) return undefined;
  return { name, mode: modeOf(pod, name), proxyGid: PROXY_GID[name](pod, namespace) };
}

type Namespace = Parameters<typeof meshOf>[1];

const NAMES: readonly MeshName[] = ["Istio", "Linkerd"];

const containerOf = ({ spec }: Pod, name: string): Container | undefined =>
  [...(spec.initContainers ?? []), ...spec.containers].find((container) => container.name === name);

const hasContainers = (pod: Pod, name: MeshName): boolean =>
  Object.values(MESH_CONTAINERS[name]).some((container) => containerOf(pod, container) !== undefined);

/** Without its init container it is the CNI plugin that redirects: both meshes' plugins leave a pod with it alone. */
function modeOf(pod: Pod, name: MeshName): Mesh["mode"] {
  if (!hasContainers(pod, name)) return undefined;
  return containerOf(pod, MESH_CONTAINERS[name].init) === undefined ? "cni" : "init";
}

type Question<Answer> = Readonly<Record<MeshName, (pod: Pod, namespace: Namespace) => Answer>>;

/** Whether the mesh's webhook will add its containers. */
const ANNOUNCED: Question<boolean> = {
  // The label goes before the annotation of the same name (pkg/kube/inject/inject.go), and a pod's before the namespace's labels.
  Istio: ({ metadata }, { labels }) => {
    const [label, annotation] = [metadata?.labels, metadata?.annotations].map((map) => map?.[ISTIO.inject]);
    const asked = label ?? annotation;
    if (asked === "true" || asked === "false") return asked === "true";
    if (metadata?.annotations?.[ISTIO.status] !== undefined) return true;
    if (labels[ISTIO.namespace] !== undefined) return labels[ISTIO.namespace] === "enabled";
    return [metadata?.labels, labels].some((map) => Boolean(map?.[ISTIO.revision]));
  },
  Linkerd: ({ metadata }, { annotations }) =>
    ["enabled", "ingress"].includes(
      metadata?.annotations?.[LINKERD_INJECT] ?? annotations[LINKERD_INJECT] ?? "",
    ),
};

const ISTIO = {
  inject: "sidecar.istio.io/inject",
  status: "sidecar.istio.io/status",
  namespace: "istio-injection",
  revision: "istio.io/rev",
} as const;

const LINKERD_INJECT = "linkerd.io/inject";

const PROXY_GID: Question<number | undefined> = {
  Istio: (pod) => gidOfProxy(pod, "Istio") ?? ISTIO_GID,
  Linkerd: (pod, { annotations }) =>
    gid(pod.metadata?.annotations?.[LINKERD_PROXY_GID] ?? annotations[LINKERD_PROXY_GID]) ??
    gidOfProxy(pod, "Linkerd"),
};

function gidOfProxy(pod: Pod, name: MeshName): number | undefined {
  const context = containerOf(pod, MESH_CONTAINERS[name].proxy)?.securityContext;
  return gid(context?.runAsGroup?.toString());
}

/** The groups that podrole's sidecar may have got when less was known of the pod's mesh, beside its uid's number. */
export const earlierGids = ({ metadata }: Pod): readonly (number | undefined)[] => [
  ISTIO_GID,
  gid(metadata?.annotations?.[LINKERD_PROXY_GID]),
];

/** Root's group is none of a proxy's: both meshes take 0 for "not set". OpenShift gives gids beyond a million. */
function gid(raw: string | undefined): number | undefined {
  return raw !== undefined && /^[1-9]\d{0,9}$/.test(raw) && Number(raw) < 2 ** 31 ? Number(raw) : undefined;
}
