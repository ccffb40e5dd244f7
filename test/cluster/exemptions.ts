import type { Pod } from "../../injector/model/pod.ts";
import { numbers } from "../support/random-pods.ts";

/** Values of the annotation podrole.dev/exempt, and pods that need an exemption: every pod is tried with every value. */

const LONGEST = 2000;

export const EXEMPTIONS: readonly string[] = [
  "",
  // Each of them, and combined.
  "hostPorts",
  "seccomp",
  "appArmor",
  "seLinux",
  "capabilities=IPC_LOCK",
  "capabilities=SYS_NICE",
  "capabilities=IPC_LOCK,capabilities=SYS_NICE",
  "sysctls=kernel.msgmax",
  "hostPath=/var/log",
  "hostPath=/data:rw",
  "hostPath=/var/log,hostPorts,seccomp,appArmor,seLinux,capabilities=IPC_LOCK,sysctls=kernel.msgmax",
  // Never exempted.
  "privileged,procMount,hostProbes,hostNamespaces,windowsHostProcess,hostNetwork,hostPID",
  "privileged=true,privileged=app,hostNamespaces=hostPID",
  "capabilities",
  "capabilities=",
  "capabilities=*",
  "capabilities=ALL,capabilities=NET_RAW,capabilities=NET_ADMIN,capabilities=DAC_READ_SEARCH,capabilities=SYS_ADMIN",
  "sysctls",
  "sysctls=net.ipv4.conf.all.route_localnet,sysctls=kernel.*",
  "*",
  "all",
  // Other spellings.
  "HostPorts,SECCOMP,Seccomp,apparmor,selinux",
  "capabilities=ipc_lock,capabilities=CAP_IPC_LOCK,CAPABILITIES=IPC_LOCK",
  "capabilities=IPC_LOCK SYS_NICE",
  "capabilities=IPC_LOCK;SYS_NICE",
  "capabilities = IPC_LOCK,capabilities= SYS_NICE",
  "hostPorts=80,seccomp=Unconfined,seLinux=spc_t",
  "sysctls=kernel/msgmax",
  "hostPorts;seccomp",
  "hostPorts seccomp",
  '["hostPorts"]',
  "__proto__,constructor,toString=1,hasOwnProperty",
  // White space, empty entries, entries twice.
  " hostPorts , seccomp ",
  "\thostPorts\r\n,\nseccomp\n",
  ",,hostPorts,,seccomp,,",
  "hostPorts,hostPorts",
  "hostPath=/var/log,hostPath=/var/log",
  // Characters that some languages trim and others do not.
  ...["\u00a0", "\u0085", "\ufeff", "\u2028", "\u3000", "\u200b", "\v", "\f", "\u001f", "\u007f"].flatMap(
    (odd) => [`${odd}hostPorts`, `seccomp,${odd}`],
  ),
  "host\u0131Ports,h\u00f6stPorts",
  "\ud83d\ude00,hostPorts",
  // Long ones.
  `hostPorts,${"a,".repeat(20)}seccomp`,
  "hostPorts,seccomp".padEnd(LONGEST, ","),
  "hostPorts,seccomp".padEnd(LONGEST + 1, ","),
  "hostPorts,seccomp".padEnd(LONGEST, " "),
  "hostPorts,seccomp".padEnd(LONGEST + 1, " "),
  `${"hostPath=/a/b,".repeat(140)}hostPorts`,
  `${"hostPath=/var/log,".repeat(14_000)}hostPorts`,
  // Paths.
  ...[
    "/",
    "//",
    "/*",
    "/var",
    "/var/lib",
    "/var/log/",
    "/var/log/.",
    "/var/log/..",
    "/var/log/../lib/kubelet",
    "/var//log",
    "/var/./log",
    "var/log",
    "./var/log",
    "/Var/log",
    "/var/lo",
    "/var/log pods",
    "/var/log=x",
    "/var/log/pods",
    "/var/lib/kubelet",
    "/var/lib/kubelet/pods",
    "/var/lib/kubeletes",
    "/run",
    "/runx",
    "/proc/1/root",
    "/dev",
    "/data",
    "/data/a",
    "/data/a/b",
    "/.data",
    "/data/.a",
    "/opt/x",
    "",
  ].flatMap((path) => [`hostPath=${path}`, `hostPath=${path}:rw`]),
  "hostPath",
  "hostPath=/var/log:ro",
  "hostPath=/var/log:RW",
  "hostPath=/var/log:rw:rw",
  "hostPath=/var/log: rw",
  "hostPath= /var/log",
  "hostPath=/data,hostPath=/data:rw",
  "hostPath=/data:rw,hostPath=/data/a",
  "hostPath=/data:rw,hostPath=/data/a:rw",
  "hostPath=/data/a:rw,hostPath=/data",
];

const FRAGMENTS = [
  "hostPorts",
  "seccomp",
  "seLinux",
  "capabilities=IPC_LOCK",
  "sysctls=kernel.msgmax",
  "hostPath=",
  "/var",
  "/log",
  "/data",
  "/a",
  ":rw",
  ",",
  ",",
  ",",
  " ",
  "=",
  "/",
  ".",
  "..",
  "\n",
  "\u00e9",
  "*",
];

/** The same random values every time, put together from parts of valid ones. */
export function randomExemptions(count: number): readonly string[] {
  const next = numbers(33);
  return Array.from({ length: count }, () =>
    Array.from(
      { length: 1 + Math.floor(next() * 12) },
      () => FRAGMENTS[Math.floor(next() * FRAGMENTS.length)],
    ).join(""),
  );
}

const CONFINED = { runAsUser: 1000, allowPrivilegeEscalation: false };
const podWith = (container: object, spec: object = {}, annotations: Record<string, string> = {}): Pod => ({
  metadata: { name: "web", annotations },
  spec: { containers: [{ name: "app", image: "a", securityContext: CONFINED, ...container }], ...spec },
});
const secured = (context: object): Pod => podWith({ securityContext: { ...CONFINED, ...context } });
const adding = (...add: readonly string[]): Pod =>
  secured({ allowPrivilegeEscalation: undefined, capabilities: { add } });
const sysctl = (name: string): Pod => podWith({}, { securityContext: { sysctls: [{ name, value: "1" }] } });

/** A pod with a path of the node in two containers, of which the second may write there. */
function onNode(path: string, mounted: "not mounted" | "read" | "written"): Pod {
  const mount = { name: "node", mountPath: "/node" };
  const container = (name: string, readOnly: boolean) => ({
    name,
    image: "a",
    securityContext: CONFINED,
    ...(mounted === "not mounted" ? {} : { volumeMounts: [{ ...mount, ...(readOnly ? { readOnly } : {}) }] }),
  });
  return {
    metadata: { name: "web" },
    spec: {
      containers: [container("app", true), container("helper", mounted === "read")],
      volumes: [{ name: "node", hostPath: { path } }],
    },
  };
}

const PODS: readonly (readonly [string, Pod])[] = [
  ["nothing", podWith({})],
  ["a port of the node", podWith({ ports: [{ containerPort: 80, hostPort: 80 }] })],
  [
    "a port of the node in an init container",
    podWith(
      {},
      { initContainers: [{ name: "init", image: "a", ports: [{ containerPort: 80, hostPort: 80 }] }] },
    ),
  ],
  ["IPC_LOCK", adding("IPC_LOCK")],
  ["IPC_LOCK and SYS_NICE", adding("IPC_LOCK", "SYS_NICE")],
  ["ipc_lock", adding("ipc_lock")],
  ["NET_RAW", adding("NET_RAW")],
  ["DAC_READ_SEARCH", adding("DAC_READ_SEARCH")],
  ["privileges", secured({ privileged: true, allowPrivilegeEscalation: true })],
  ["the node's processes", podWith({}, { hostPID: true })],
  ["a probe elsewhere", podWith({ livenessProbe: { httpGet: { port: 80, host: "10.0.0.1" } } })],
  ["no seccomp", secured({ seccompProfile: { type: "Unconfined" } })],
  ["no seccomp by annotation", podWith({}, {}, { "seccomp.security.alpha.kubernetes.io/pod": "unconfined" })],
  ["no AppArmor", podWith({}, { securityContext: { appArmorProfile: { type: "Unconfined" } } })],
  ["another SELinux type", secured({ seLinuxOptions: { type: "spc_t" } })],
  ["a larger queue", sysctl("kernel.msgmax")],
  ["a route to loopback", sysctl("net.ipv4.conf.all.route_localnet")],
  [
    "two controls at once",
    podWith({
      ports: [{ containerPort: 80, hostPort: 80 }],
      securityContext: { ...CONFINED, seccompProfile: { type: "Unconfined" } },
    }),
  ],
];

const PODS_ON_NODE: readonly (readonly [string, Pod])[] = [
  ...["/var/log", "/data"].flatMap((path) =>
    (["not mounted", "read", "written"] as const).map(
      (how) => [`${path}, ${how}`, onNode(path, how)] as const,
    ),
  ),
  ...[
    "/",
    "/var/log/",
    "/var/log/pods",
    "/var/logs",
    "/var/lib/kubelet/pods",
    "/data/",
    "/data/a",
    "/data/a/b",
    "/datax",
    "/runx",
    "/Var/log",
  ].map((path) => [`${path}, read`, onNode(path, "read")] as const),
  ["/data/a, written", onNode("/data/a", "written")],
];

/** The pods about which a value of the annotation may say something. */
export const podsFor = (exempt: string): typeof PODS =>
  exempt.startsWith("hostPath") ? PODS_ON_NODE : [...PODS, ...PODS_ON_NODE];
