import { type MeshName, MESH_CONTAINERS } from "./mesh.ts";
import type { Container, Pod, VolumeMount } from "./pod.ts";
import { uncommonResources } from "./own-resources.ts";
import { isRecord } from "./read.ts";

/**
 * The init container by which a mesh without its CNI plugin redirects a pod's traffic, in the one form that the mesh's webhook
 * writes. It has NET_ADMIN in the network that the guard has closed, so a program other than the mesh's, or the mesh's with other
 * arguments, could open it again. deploy/chart/templates/_mesh-init.tpl says the same in CEL: change both.
 *
 * Sources: Istio's injection-template.yaml, pkg/kube/inject and tools/istio-iptables (1.14 to 1.31); Linkerd's
 * charts/partials/templates/_proxy-init.tpl and linkerd2-proxy-init (2.11 to 2.20).
 */

export const MESH_INIT_CAPABILITIES: readonly string[] = ["NET_ADMIN", "NET_RAW"];

/** The names of all meshes' init containers. */
export const MESH_INIT_NAMES: readonly string[] = Object.values(MESH_CONTAINERS).map(({ init }) => init);

/** The mesh whose init container has this name. */
export const meshOfInit = (name: string): MeshName | undefined =>
  (Object.keys(MESH_CONTAINERS) as readonly MeshName[]).find((mesh) => MESH_CONTAINERS[mesh].init === name);

/** How the setting meshInitImages writes a mesh. */
export const MESH_WORDS = { Istio: "istio", Linkerd: "linkerd" } as const satisfies Record<MeshName, string>;

/** With its registry: without one, each node could take it from another. */
const REPOSITORY =
  "([a-z0-9-]+([.][a-z0-9-]+)+(:[0-9]+)?|[a-z0-9-]+:[0-9]+|localhost)(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)+";
const DIGEST = "@sha256:[0-9a-f]{64}";

/** An entry of the setting: `istio=docker.io/istio/proxyv2`, or the same with a digest. */
export const MESH_IMAGE_ENTRY = `^(${Object.values(MESH_WORDS).join("|")})=${REPOSITORY}(${DIGEST})?$`;

/** An image that an entry can name. */
export const MESH_IMAGE = `^${REPOSITORY}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(${DIGEST})?$`;

/**
 * The entry that trusts an image; undefined if none can. Any tag of the repository is trusted. A digest has to be named: what a tag
 * leads to is the registry's answer, but mirrors and caches may look for a digest in every repository that they know.
 */
export function entryOf(mesh: MeshName, image: string): string | undefined {
  if (!new RegExp(MESH_IMAGE).test(image)) return undefined;
  const [repository] = /^[^/]+\/[^:@]+/.exec(image) ?? [""];
  const [digest] = /@.*$/.exec(image) ?? [""];
  return `${MESH_WORDS[mesh]}=${repository}${digest}`;
}

const PORT = "[0-9]{1,5}";
const RANGE = `${PORT}(-${PORT})?`;
const listOf = (item: string): string => `${item}(,${item})*`;
/** A star, a list, or nothing. */
const any = (item: string): string => `([*]|${listOf(item)})?`;
const NETWORK = "[0-9a-fA-F.:]+/[0-9]{1,3}";
const ID = "[0-9]{1,10}";
const INTERFACES = listOf("[A-Za-z0-9][A-Za-z0-9._-]*");

/**
 * The arguments, with a space between two. Not mode TPROXY, for which Istio's proxy needs NET_ADMIN while the app runs; not
 * --cleanup-only, --network-namespace, --log_target and others that no webhook writes. Not -k, which redirects what comes in by an
 * interface, such as `lo`.
 */
export const MESH_INIT_ARGS = {
  Istio: `^istio-iptables -p ${PORT} -z ${PORT} -u ${ID} -m REDIRECT -i ${any(NETWORK)} -x ${any(NETWORK)} -b ${any(PORT)} -d ${any(PORT)}( -q ${any(PORT)})?( -o ${any(PORT)})?( -c ${INTERFACES})? --log_output_level=[A-Za-z0-9:,_-]*( --log_as_json)?( --force-apply)?( --native-nftables)?$`,
  Linkerd: `^(--firewall-bin-path iptables-nft --firewall-save-bin-path iptables-nft-save )?(--ipv6=false )?--incoming-proxy-port ${PORT} --outgoing-proxy-port ${PORT} --proxy-uid ${ID}( --proxy-gid ${ID})? --inbound-ports-to-ignore ${listOf(RANGE)}( --outbound-ports-to-ignore ${listOf(RANGE)})?( --log-format [a-z]+)?( --log-level [a-z]+)?( --subnets-to-ignore ${listOf(NETWORK)})?$`,
} as const satisfies Record<MeshName, string>;

/** Without blanks an argument cannot pass for two. */
const ARGUMENT = /^[!-~]*$/;

/** The commands that a container may name; mostly it leaves that to the image. */
export const MESH_INIT_COMMANDS: Readonly<Record<MeshName, readonly string[]>> = {
  Istio: [],
  Linkerd: ["/usr/lib/linkerd/linkerd2-proxy-init"],
};

/**
 * Variables that change nothing that the program does but, of Istio's metadata, whether it also redirects DNS and IPv6. Istio's flags
 * can be set by variables, too (pkg/flag), and a loader's or iptables' own make it another program. Not
 * INVALID_DROP: it drops the guard's resets, so clients would wait. `AWS_` are podrole's and EKS's.
 */
export const MESH_INIT_VARIABLES =
  "^(ISTIO_META_[A-Z0-9_]+|AWS_[A-Z0-9_]+|ISTIO_DUAL_STACK|EXIT_ON_ZERO_ACTIVE_CONNECTIONS|MINIMUM_DRAIN_DURATION|PROXY_CONFIG_XDS_AGENT|DNS_FORWARD_TIMEOUT)$";

/** Tokens, which the program does not read. */
export const MESH_INIT_MOUNTS = "^/var/run/secrets(/[a-z0-9][a-z0-9.-]*)+$";

/** Linkerd's mount for iptables' lock, since its root is read-only. */
export const LOCK_MOUNT = "/run";

const FIELDS: ReadonlySet<string> = new Set([
  "name",
  "image",
  "imagePullPolicy",
  "command",
  "args",
  "env",
  "resources",
  "resizePolicy",
  "securityContext",
  "terminationMessagePath",
  "terminationMessagePolicy",
  "volumeMounts",
]);

/** In what a mesh's init container differs from what its webhook writes: names of fields. Its image is not looked at. */
export function differencesOfInit(container: Container, mesh: MeshName, pod: Pod): readonly string[] {
  const { args, command, securityContext, terminationMessagePath } = container;
  const wrong: readonly (readonly [string, boolean])[] = [
    ...Object.keys(container)
      .filter((field) => container[field] != null && !FIELDS.has(field))
      .map((field) => [field, true] as const),
    ["args", !areMeshArgs(args, mesh)],
    ["command", !isMeshCommand(command, mesh)],
    ["terminationMessagePath", (terminationMessagePath ?? DEFAULT_MESSAGE) !== DEFAULT_MESSAGE],
    ["securityContext.allowPrivilegeEscalation", securityContext?.allowPrivilegeEscalation !== false],
    ["resources", !areOrdinary(container["resources"])],
    ...(container.env ?? []).map(
      ({ name, valueFrom }) =>
        [`env ${name}`, valueFrom != null || !new RegExp(MESH_INIT_VARIABLES).test(name)] as const,
    ),
    ...(container.volumeMounts ?? []).map(
      (mount) => [`volumeMounts ${mount.mountPath}`, !isMeshMount(mount, container, mesh, pod)] as const,
    ),
  ];
  return wrong.flatMap(([what, isWrong]) => (isWrong ? [what] : []));
}

const DEFAULT_MESSAGE = "/dev/termination-log";

const strings = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) && value.every((one) => typeof one === "string") ? value : undefined;

function areMeshArgs(args: unknown, mesh: MeshName): boolean {
  const written = strings(args);
  return (
    written !== undefined &&
    written.every((one) => ARGUMENT.test(one)) &&
    new RegExp(MESH_INIT_ARGS[mesh]).test(written.join(" "))
  );
}

/** Whether the redirect that Linkerd's container writes leaves out the group of its proxy. */
export const leavesOutGroup = ({ args }: Container): boolean =>
  strings(args)?.includes("--proxy-gid") === true;

function isMeshCommand(command: unknown, mesh: MeshName): boolean {
  const written = strings(command ?? []);
  return (
    written !== undefined &&
    (written.length === 0 || (written.length === 1 && MESH_INIT_COMMANDS[mesh].includes(written[0] ?? "")))
  );
}

/** No devices, which bring files and programs of their own. */
const areOrdinary = (resources: unknown): boolean =>
  resources == null || (isRecord(resources) && uncommonResources(resources).length === 0);

function isMeshMount(mount: VolumeMount, container: Container, mesh: MeshName, { spec }: Pod): boolean {
  if (new RegExp(MESH_INIT_MOUNTS).test(mount.mountPath)) return true;
  if (mesh !== "Linkerd" || mount.mountPath !== LOCK_MOUNT) return false;
  const others = [...(spec.initContainers ?? []), ...spec.containers].filter((one) => one !== container);
  return (
    mount["subPath"] == null &&
    mount["subPathExpr"] == null &&
    (spec.volumes ?? []).some(({ name, emptyDir }) => name === mount.name && emptyDir != null) &&
    others.every(({ volumeMounts }) => !(volumeMounts ?? []).some(({ name }) => name === mount.name))
  );
}
