import { ANNOTATION, CONTAINER_ROLE_PREFIX } from "../../sidecar/contract/annotations.ts";
import { isRecord } from "../../injector/model/read.ts";

/** Changes of JSON values at random places. They write into the value that they are given. */

type Node = Record<string, unknown> | unknown[];

const isNode = (value: unknown): value is Node => Array.isArray(value) || isRecord(value);

const ODD: readonly unknown[] = [
  null,
  "",
  0,
  -1,
  1e21,
  true,
  false,
  [],
  {},
  [null],
  [[]],
  { name: null },
  "podrole-guard",
  "podrole-sidecar",
  "podrole-token",
  "\u0000",
  "\ud800",
  "$(X)",
  "64169",
];

function affinity(...matchExpressions: readonly object[]): object {
  const required = { nodeSelectorTerms: [{ matchExpressions }] };
  return { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } };
}

/** What a pod's author may try, by the field. A fuzzer that only breaks types rarely finds a dangerous value. */
const DANGEROUS: readonly (readonly [string, unknown])[] = [
  ["securityContext", { privileged: true }],
  ["securityContext", { capabilities: { add: ["DAC_READ_SEARCH"] } }],
  ["securityContext", { capabilities: { add: ["cap_net_raw", "SYS_TIME"], drop: ["CAP_NET_RAW"] } }],
  ["securityContext", { capabilities: { add: ["CHOWN", "NET_ADMIN"], drop: ["ALL"] } }],
  ["securityContext", { procMount: "Unmasked" }],
  ["securityContext", { seccompProfile: { type: "Unconfined" } }],
  ["securityContext", { appArmorProfile: { type: "Unconfined" } }],
  ["securityContext", { seLinuxOptions: { type: "spc_t" } }],
  ["securityContext", { runAsUser: 64_169, runAsGroup: 64_169 }],
  ["securityContext", { sysctls: [{ name: "kernel.msgmax", value: "1" }] }],
  ["securityContext", { windowsOptions: { hostProcess: true } }],
  ["ports", [{ containerPort: 80, hostPort: 80 }]],
  ["volumes", [{ name: "host", hostPath: { path: "/var/lib/kubelet" } }]],
  ["volumes", [{ name: "logs", hostPath: { path: "/var/log" } }]],
  ["volumeMounts", [{ name: "podrole-token", mountPath: "/t", readOnly: true }]],
  ["volumeMounts", [{ name: "podrole-identity-0", mountPath: "/t", readOnly: true }]],
  [
    "volumeMounts",
    [{ name: "podrole-identity-1", mountPath: "/var/run/secrets/podrole.dev/credentials", readOnly: true }],
  ],
  [
    "volumes",
    [{ name: "mine", projected: { sources: [{ serviceAccountToken: { audience: "podrole.dev/pod" } }] } }],
  ],
  ["livenessProbe", { httpGet: { host: "169.254.169.254", port: 80 } }],
  ["lifecycle", { postStart: { httpGet: { host: "169.254.169.254", port: 80 } } }],
  ["lifecycle", { preStop: { tcpSocket: { host: "10.0.0.1", port: 80 } } }],
  ["hostNetwork", true],
  ["hostPID", true],
  ["hostIPC", true],
  ["shareProcessNamespace", true],
  ["restartPolicy", "Always"],
  ["resources", { limits: { memory: "6Mi", cpu: "1m" } }],
  ["command", ["true"]],
  ["args", ["--help"]],
  ["envFrom", [{ secretRef: { name: "s" } }]],
  ["ports", [{ containerPort: 80 }]],
  ["lifecycle", { preStop: { exec: { command: ["true"] } } }],
  [
    "resources",
    { claims: [{ name: "c" }], limits: { memory: "1Gi", cpu: "2", "vendor.example/device": "1" } },
  ],
  ["future", true],
  ["image", "evil/image:1"],
  ["name", "podrole-guard"],
  ["name", "podrole-sidecar"],
  ["os", { name: "windows" }],
  ["nodeSelector", { "beta.kubernetes.io/os": "windows" }],
  ["affinity", affinity({ key: "kubernetes.io/os", operator: "In", values: ["windows"] })],
  ["affinity", affinity({ key: "kubernetes.io/os", operator: "In", values: ["windows", "linux"] })],
  ["affinity", affinity({ key: "kubernetes.io/os", operator: "NotIn", values: ["windows"] })],
  ["targetContainerName", "podrole-sidecar"],
  // Of meshes, and what is left of a pod's resources.
  ["name", "istio-init"],
  ["name", "linkerd-init"],
  ["name", "istio-proxy"],
  ["securityContext", { capabilities: { add: ["NET_ADMIN", "NET_RAW"], drop: ["ALL"] }, runAsGroup: 1337 }],
  ["resources", { limits: { memory: "1Gi", cpu: "1" } }],
  ["resources", { requests: { memory: "1Ki", cpu: "0" }, limits: { memory: "40Mi", cpu: "1e-2" } }],
];

const ANNOTATION_KEYS: readonly string[] = [
  ...Object.values(ANNOTATION),
  `${CONTAINER_ROLE_PREFIX}app`,
  "kubernetes.io/config.mirror",
  "container.apparmor.security.beta.kubernetes.io/app",
  "podrole.dev/unknown",
  "config.linkerd.io/proxy-gid",
  "linkerd.io/inject",
  "sidecar.istio.io/inject",
];

const ANNOTATION_VALUES: readonly string[] = [
  "",
  "app",
  "app,app,nobody",
  "worker",
  "admin",
  "arn:aws:iam::111122223333:role/app",
  "false",
  "file",
  "env",
  "off",
  "emulate",
  "allowed",
  "node",
  "now",
  "payments.api-7c9d",
  "{namespace}.{pod}",
  "3600",
  '{"a":"b"}',
  "unconfined",
  "x".repeat(5000),
  "requests.cpu=1m,requests.memory=16Mi",
  "limits.cpu=50m,limits.memory=33554431500m",
  "podrole-guard,app",
  "enabled",
  "true",
  "02102",
  "64169",
];

/** A random source: numbers from 0 to 1. */
export type Next = () => number;

export const pick = <T>(next: Next, of: readonly T[]): T => of[Math.floor(next() * of.length)] as T;

/** Every object and list in a value. */
export function nodesOf(value: unknown, found: Node[] = []): Node[] {
  if (!isNode(value)) return found;
  found.push(value);
  for (const child of Object.values(value)) nodesOf(child, found);
  return found;
}

const keyIn = (next: Next, node: Node): string => pick(next, Object.keys(node));

const set = (node: Node, key: string, value: unknown): void => {
  // Not by assignment, which would change the prototype for the key `__proto__`.
  Object.defineProperty(node, key, { value, writable: true, enumerable: true, configurable: true });
};

/** One way to change a node; it may not apply to every node. */
type Change = (node: Node, next: Next, others: readonly Node[]) => void;

const CHANGES: readonly Change[] = [
  (node, next) => isNonEmpty(node) && set(node, keyIn(next, node), structuredClone(pick(next, ODD))),
  (node, next) => isRecord(node) && isNonEmpty(node) && delete node[keyIn(next, node)],
  (node, next) => Array.isArray(node) && node.splice(Math.floor(next() * node.length), 1),
  (node) => Array.isArray(node) && node.splice(0, node.length, ...node.toReversed()),
  (node, next) => Array.isArray(node) && isNonEmpty(node) && node.push(structuredClone(pick(next, node))),
  (node, next) => isRecord(node) && dangerous(node, next),
  (node, next) => isRecord(node) && dangerous(node, next),
  (node, next, others) =>
    isNonEmpty(node) && set(node, keyIn(next, node), structuredClone(pick(next, others))),
  (node, next) => isRecord(node) && set(node, pick(next, ["__proto__", "constructor", "~a/b", ""]), {}),
  (node, next) => {
    const key = isRecord(node) && isNonEmpty(node) ? keyIn(next, node) : undefined;
    if (key !== undefined && isRecord(node)) set(node, key.toUpperCase(), node[key]);
  },
];

const isNonEmpty = (node: Node): boolean => Object.keys(node).length > 0;

/** Sets a field in `node` to a dangerous value, or mixes it into the value that is there. */
function dangerous(node: Record<string, unknown>, next: Next): void {
  endanger(node, next, DANGEROUS);
}

/** A variable or a mount more, as webhooks add them to every container. */
export function extend(pod: Record<string, unknown>, next: Next): void {
  const inits = isRecord(pod["spec"]) ? pod["spec"]["initContainers"] : undefined;
  const one: unknown = Array.isArray(inits) && inits.length > 0 ? pick(next, inits as unknown[]) : undefined;
  if (!isRecord(one)) return;
  const [key, value] = pick(next, ADDED);
  const list = Array.isArray(one[key]) ? (one[key] as unknown[]) : [];
  set(one, key, list.toSpliced(Math.floor(next() * (list.length + 1)), 0, structuredClone(value)));
}

const ADDED: readonly (readonly [string, unknown])[] = [
  ["env", { name: "DD_AGENT_HOST", value: "node" }],
  ["env", { name: "NODE_OPTIONS", value: "--inspect" }],
  ["env", { name: "PODROLE_OPEN_UID", value: "0" }],
  ["env", { name: "PODROLE_SIDECAR_UID", value: "40000" }],
  ["volumeMounts", { name: "vault-secrets", mountPath: "/vault/secrets" }],
  ["volumeMounts", { name: "podrole-token", mountPath: "/t" }],
];

function endanger(node: Record<string, unknown>, next: Next, values: typeof DANGEROUS): void {
  const [field, value] = pick(next, values);
  const before = node[field];
  const merged = isRecord(before) && isRecord(value) && next() < 0.5 ? { ...before, ...value } : value;
  set(node, field, structuredClone(merged));
}

const OF_SPEC = new Set([
  "volumes",
  "hostNetwork",
  "hostPID",
  "hostIPC",
  "shareProcessNamespace",
  "os",
  "nodeSelector",
  "affinity",
]);
const FOR_SPEC = DANGEROUS.filter(([field]) => OF_SPEC.has(field) || field === "securityContext");
const FOR_CONTAINER = DANGEROUS.filter(([field]) => !OF_SPEC.has(field));

/** A dangerous value where Kubernetes would read it: in the pod's spec or in one of its containers. */
export function attack(pod: Record<string, unknown>, next: Next): void {
  const spec = pod["spec"];
  if (!isRecord(spec)) return;
  const containers = ["initContainers", "containers", "ephemeralContainers"]
    .flatMap((key) => (Array.isArray(spec[key]) ? (spec[key] as unknown[]) : []))
    .filter((one) => isRecord(one));
  if (containers.length === 0 || next() < 0.3) endanger(spec, next, FOR_SPEC);
  else endanger(pick(next, containers), next, FOR_CONTAINER);
}

/** @param others nodes that may be copied into the value */
export function change(value: unknown, next: Next, others: readonly Node[]): void {
  const nodes = nodesOf(value);
  if (nodes.length > 0) pick(next, CHANGES)(pick(next, nodes), next, others);
}

/** Sets an annotation that podrole or its peers know, with one value or another. */
export function annotate(pod: Record<string, unknown>, next: Next): void {
  const metadata = isRecord(pod["metadata"]) ? pod["metadata"] : {};
  const before = isRecord(metadata["annotations"]) ? metadata["annotations"] : {};
  const annotations = { ...before, [pick(next, ANNOTATION_KEYS)]: pick(next, ANNOTATION_VALUES) };
  pod["metadata"] = { ...metadata, annotations };
}

/** Makes one list or text of the value very long. */
export function inflate(value: unknown, next: Next): void {
  const node = pick(next, nodesOf(value));
  if (Array.isArray(node) && node.length > 0) {
    const one: unknown = pick(next, node);
    const count = Math.floor(next() * 2000);
    for (let index = 0; index < count; index += 1) node.push(structuredClone(one));
  } else if (node !== undefined && isNonEmpty(node)) {
    set(node, keyIn(next, node), "x".repeat(Math.floor(next() * 200_000)));
  }
}
