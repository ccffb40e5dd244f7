import type { Container, PodSpec } from "../../injector/model/pod.ts";
import { ISTIO_LINE, istioInit, LINKERD_LINE, linkerdInit, lockVolume } from "./mesh-inits.ts";
import { app } from "./pods.ts";

/** Istio's arguments. */
const WORDS = ISTIO_LINE.split(" ");
const line = (text: string): Partial<Container> => ({ args: text.split(" ") });
const secured = (one: Container, over: object): Partial<Container> => ({
  securityContext: { ...one.securityContext, ...over },
});

export interface MeshAttack {
  readonly what: string;
  readonly of: Container;
  /** What is changed of the container. */
  readonly over: Partial<Container>;
  /** What is changed of the pod. */
  readonly spec?: Partial<PodSpec>;
  /** `MESH_INIT`, if absent. */
  readonly code?: string;
}

const image = (what: string, to: string, of = istioInit): MeshAttack => ({
  what: `has ${what}`,
  of,
  over: { image: to },
});
const args = (what: string, to: readonly string[], of = istioInit): MeshAttack => ({
  what: `is called with ${what}`,
  of,
  over: { args: to },
});
const instead = (what: string, from: string, to: string, of = istioInit): MeshAttack => ({
  what: `is called with ${what}`,
  of,
  over: line((of === istioInit ? ISTIO_LINE : LINKERD_LINE).replace(from, to)),
});
const variable = (name: string, more: object = { value: "true" }): MeshAttack => ({
  what: `has the variable ${name}`,
  of: istioInit,
  over: {
    env: [
      { name: "ISTIO_META_DNS_CAPTURE", value: "true" },
      { name, ...more },
    ],
  },
});
const mount = (
  what: string,
  mountPath: string,
  of = istioInit,
  more: object = {},
  spec: Partial<PodSpec> = {},
): MeshAttack => ({
  what: `mounts ${what}`,
  of,
  over: { volumeMounts: [{ name: "own", mountPath, ...more }] },
  spec: { volumes: [{ name: "own", emptyDir: {} }, lockVolume], ...spec },
});
const field = (what: string, over: Partial<Container>, code?: string): MeshAttack => ({
  what,
  of: istioInit,
  over,
  ...(code === undefined ? {} : { code }),
});

const HEX = "0123456789abcdef".repeat(4);

/** Each makes of a trusted init container something that could remove the guard's rules, or that no webhook writes. */
export const MESH_ATTACKS: readonly MeshAttack[] = [
  image("another repository", "docker.io/evil/proxyv2:1.30.0"),
  image("a repository below the trusted one", "docker.io/istio/proxyv2/evil:1.30.0"),
  image("a repository that begins like the trusted one", "docker.io/istio/proxyv2-evil:1.30.0"),
  image("another registry", "docker.io.evil.example/istio/proxyv2:1.30.0"),
  image("the trusted registry's name as a user's", "evil.example/docker.io/istio/proxyv2:1.30.0"),
  image("a port behind the trusted registry", "docker.io:5000/istio/proxyv2:1.30.0"),
  image("no registry", "istio/proxyv2:1.30.0"),
  image("a user name before the registry", "evil@docker.io/istio/proxyv2:1.30.0"),
  image("a tag with a slash", "docker.io/istio/proxyv2:5000/evil:1"),
  image("other letters", "docker.io/Istio/proxyv2:1.30.0"),
  image("a digest that nobody named", `docker.io/istio/proxyv2@sha256:${HEX}`),
  image("a tag and a digest that nobody named", `docker.io/istio/proxyv2:1.30.0@sha256:${HEX}`),
  image("a digest that is none", "docker.io/istio/proxyv2@sha256:0"),
  image("the image of another mesh", "cr.l5d.io/linkerd/proxy:edge-26.8.1"),
  args("nothing", []),
  args("another command of the program", ["proxy", "sidecar"]),
  args("a command of the program that asks for more", [...WORDS, "request"]),
  args("--cleanup-only", [...WORDS, "--cleanup-only"]),
  args("--reconcile", [...WORDS, "--reconcile"]),
  args("a network namespace", [...WORDS, "--network-namespace=/proc/1/ns/net"]),
  args("a file for its log", [...WORDS, "--log_target=/etc/ld.so.preload"]),
  args("other binaries", [...WORDS, "--force-iptables-binary=legacy"]),
  args("--run-validation", [...WORDS, "--run-validation", "--skip-rule-apply"]),
  args("two arguments in one", ["istio-iptables -p 15001", "-z 15006", ...WORDS.slice(5)]),
  args("a line break in a value", [...WORDS.slice(0, -1), "-c", "eth0\n-F"]),
  args("a line break before a value", ["istio-iptables\n-p", ...WORDS.slice(2)]),
  args("a variable as a value", [...WORDS.slice(0, 2), "$(PORT)", ...WORDS.slice(3)]),
  instead("mode TPROXY", "REDIRECT", "TPROXY"),
  instead("an interface whose traffic comes in", " --log", " -k lo --log"),
  instead("a name as a network", "-x ", "-x metadata"),
  instead("a flag as an interface", " --log", " -c -F --log"),
  instead("its flags in another order", "-p 15001 -z 15006", "-z 15006 -p 15001"),
  args("Linkerd's arguments", LINKERD_LINE.split(" ")),
  instead("another program as firewall", "iptables-nft ", "/tmp/evil ", linkerdInit),
  instead("another program that lists rules", "iptables-nft-save", "/tmp/evil", linkerdInit),
  instead("a network namespace", "--ipv6=false", "--netns /proc/1/ns/net", linkerdInit),
  instead("--simulate", "--ipv6=false", "--simulate", linkerdInit),
  instead("a sysctl's value", "--outbound", "--timeout-close-wait-secs 1 --outbound", linkerdInit),
  { what: "has a command", of: istioInit, over: { command: ["/usr/local/bin/pilot-agent"] } },
  { what: "has a shell as command", of: istioInit, over: { command: ["sh", "-c", "nft flush ruleset"] } },
  { what: "has another command", of: linkerdInit, over: { command: ["/bin/sh"] } },
  {
    what: "has arguments in its command",
    of: linkerdInit,
    over: { command: ["/usr/lib/linkerd/linkerd2-proxy-init", "--simulate"] },
  },
  variable("LD_PRELOAD", { value: "/var/run/secrets/own/evil.so" }),
  variable("PATH", { value: "/var/run/secrets/own" }),
  variable("XTABLES_LIBDIR", { value: "/var/run/secrets/own" }),
  variable("CLEANUP_ONLY"),
  variable("INVALID_DROP"),
  variable("NETWORK_NAMESPACE", { value: "/proc/1/ns/net" }),
  variable("FORCE_IPTABLES_BINARY", { value: "legacy" }),
  variable("ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR", { value: "192.0.2.0/24" }),
  variable("ISTIO_META_", { value: "true" }),
  variable("ISTIO_META_A", { valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }),
  variable("AWS_REGION\n", { value: "a" }),
  mount("a volume over its programs", "/usr/sbin"),
  mount("a volume over its loader's settings", "/etc"),
  mount("a volume over a neighbour of tokens", "/var/run/secrets/../../usr/sbin"),
  mount("a volume at the place of all tokens", "/var/run/secrets"),
  mount("a volume for temporary files", "/tmp"),
  mount("a volume at Linkerd's place", "/run"),
  mount("a part of a volume for its lock", "/run", linkerdInit, { subPath: "a" }),
  mount(
    "a volume for its lock that is no empty one",
    "/run",
    linkerdInit,
    {},
    {
      volumes: [{ name: "own", configMap: { name: "evil" } }],
    },
  ),
  mount(
    "a volume for its lock that the app has, too",
    "/run",
    linkerdInit,
    {},
    {
      containers: [{ ...app, volumeMounts: [{ name: "own", mountPath: "/own" }] }],
    },
  ),
  mount(
    "a volume for its lock that another init container fills",
    "/run",
    linkerdInit,
    {},
    {
      initContainers: [{ ...app, name: "fill", volumeMounts: [{ name: "own", mountPath: "/own" }] }],
    },
  ),
  field("has devices", { volumeDevices: [{ name: "own", devicePath: "/dev/sda" }] }),
  field("takes variables from elsewhere", { envFrom: [{ configMapRef: { name: "evil" } }] }),
  field("runs in another folder", { workingDir: "/var/run/secrets/own" }),
  field("keeps running", { restartPolicy: "Always" }),
  field("is restarted by rules", { restartPolicy: "Never", restartPolicyRules: [] }),
  field("has a hook", {
    restartPolicy: "Always",
    lifecycle: { postStart: { exec: { command: ["nft", "flush", "ruleset"] } } },
  }),
  field("has a probe", {
    restartPolicy: "Always",
    livenessProbe: { exec: { command: ["nft", "flush", "ruleset"] } },
  }),
  field("listens to a person", { stdin: true }),
  field("has a terminal", { tty: true }),
  field("has its message in another file", { terminationMessagePath: "/etc/ld.so.preload" }),
  field("has a device of a plugin", { resources: { limits: { "example.com/device": "1" } } }),
  field("has a claim of a device", { resources: { claims: [{ name: "own" }] } }),
  field("may escalate", secured(istioInit, { allowPrivilegeEscalation: true })),
  field("does not say whether it may escalate", {
    securityContext: { capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] } },
  }),
  field(
    "is privileged",
    secured(istioInit, { allowPrivilegeEscalation: null, privileged: true }),
    "PRIVILEGED",
  ),
  field(
    "adds a third capability",
    secured(istioInit, { capabilities: { add: ["NET_ADMIN", "NET_RAW", "SYS_ADMIN"], drop: ["ALL"] } }),
    "CAPABILITY_FORBIDDEN",
  ),
  field(
    "adds a capability in another spelling",
    secured(istioInit, { capabilities: { add: ["net_admin"], drop: ["ALL"] } }),
    "CAPABILITY_FORBIDDEN",
  ),
  field("has another name", { name: "istio-init2" }, "CAPABILITY_FORBIDDEN"),
];

/** The attack's container, in a pod. */
export const attacking = ({ of, over, spec = {} }: MeshAttack): Partial<PodSpec> => {
  const container = { ...of, ...over };
  return {
    volumes: [lockVolume],
    ...spec,
    initContainers: [...(spec.initContainers ?? []), container],
  };
};
