import { config } from "../support/config.ts";
import { facts } from "../support/facts.ts";
import { pod as harmless } from "../support/pods.ts";
import { attack, set, SETTINGS, variable, type Attack } from "./attack.ts";
import type { KubeObject } from "./kube-client.ts";
import { patched } from "./patched.ts";

const both = (pod: KubeObject): KubeObject => pod.spec.initContainers[0];
const valueOf =
  (name: string, value: string) =>
  (pod: KubeObject): void =>
    set(both(pod), name, value);
const context =
  (over: object) =>
  (pod: KubeObject): void => {
    Object.assign(both(pod).securityContext, over);
  };
const adding = (...add: readonly string[]): object => ({ capabilities: { add, drop: ["ALL"] } });

/** Of a pod whose guard is in the sidecar's container, in an installation that writes such pods. */
const changes: readonly (readonly [string, (pod: KubeObject) => void, Attack["code"]?])[] = [
  ["that only serves", (pod) => (both(pod).command = ["podrole-sidecar", "serve"]), "GUARD_MISSING"],
  ["that runs another program", (pod) => (both(pod).command = ["nft"]), "GUARD_MISSING"],
  ["with arguments", (pod) => (both(pod).args = ["--inspect"])],
  ["without its hook", (pod) => delete both(pod).lifecycle],
  ["with another hook", (pod) => (both(pod).lifecycle.postStart.exec.command = ["true"])],
  ["with a hook that ends it", (pod) => (both(pod).lifecycle.preStop = { exec: { command: ["true"] } })],
  ["with a probe of its own", (pod) => (both(pod).startupProbe = { tcpSocket: { port: 1 } })],
  ["with one capability more", context(adding("NET_ADMIN", "SETUID", "SETGID", "SYS_ADMIN"))],
  [
    "with NET_RAW when the installation gives it none",
    context(adding("NET_ADMIN", "NET_RAW", "SETUID", "SETGID")),
  ],
  ["without NET_ADMIN", context(adding("SETUID", "SETGID"))],
  ["that may get new privileges", context({ allowPrivilegeEscalation: true })],
  ["with a file system to write to", context({ readOnlyRootFilesystem: false })],
  ["without a seccomp profile", context({ seccompProfile: { type: "Unconfined" } })],
  ["that starts as another uid", context({ runAsUser: 50_000, runAsGroup: 50_000, runAsNonRoot: true })],
  ["that starts in another group", context({ runAsGroup: 50_000 })],
  ["that becomes root", valueOf("PODROLE_SIDECAR_UID", "0")],
  ["that becomes a common uid", valueOf("PODROLE_SIDECAR_UID", "65532")],
  ["that becomes a uid of many digits", valueOf("PODROLE_SIDECAR_UID", "99999999999999999999")],
  ["that becomes a name", valueOf("PODROLE_SIDECAR_UID", "root")],
  ["that joins root's group", (pod) => both(pod).env.push({ name: "PODROLE_SIDECAR_GID", value: "0" })],
  [
    "that joins the group of no mesh",
    (pod) => both(pod).env.push({ name: "PODROLE_SIDECAR_GID", value: "2000" }),
  ],
  [
    "that joins two groups",
    (pod) => {
      for (const value of ["1337", "2000"]) both(pod).env.push({ name: "PODROLE_SIDECAR_GID", value });
    },
  ],
  ["that blocks another address", valueOf("PODROLE_BLOCKED_ADDRESSES", "192.0.2.1")],
  ["that accepts less than the egress hook", valueOf("PODROLE_EGRESS_HOOK", "require")],
  ["that protects no port", valueOf("PODROLE_SIDECAR_PORTS", "1")],
  ["of another source", valueOf("PODROLE_SOURCE", "node")],
  ["without the pod's address", (pod) => (variable(both(pod), "PODROLE_POD_IP").name = "PODROLE_X")],
  ["that says a uid twice", (pod) => both(pod).env.push({ name: "PODROLE_SIDECAR_UID", value: "50000" })],
  [
    "that blocks two lists",
    (pod) => both(pod).env.push({ name: "PODROLE_BLOCKED_ADDRESSES", value: "192.0.2.1" }),
  ],
  ["with a variable of others", (pod) => both(pod).env.push({ name: "NODE_OPTIONS", value: "--inspect" })],
  [
    "with a volume over its program",
    (pod) => {
      pod.spec.volumes.push({ name: "bin", emptyDir: {} });
      both(pod).volumeMounts.push({ name: "bin", mountPath: "/usr/local/bin" });
    },
  ],
  ["beside a guard", (pod) => pod.spec.initContainers.push(guardAlone())],
];

/** What an installation with `guardContainer: sidecar` writes, in a pod of another installation. */
function asOneContainer(pod: KubeObject): void {
  const { config: together } = SETTINGS.together;
  pod.spec.initContainers = patched(harmless(), facts(), together).spec.initContainers;
}

const guardAlone = (): KubeObject => patched(harmless({}, {}), facts(), config()).spec.initContainers[0];

export const TOGETHER_ATTACKS: readonly Attack[] = [
  ...changes.map(([what, change, code = "INJECTED_DIFFERENTLY"]) =>
    attack(`guard and sidecar in one container ${what}`, code, change, {
      setting: "together",
    }),
  ),
  attack(
    "guard and sidecar in one container behind a user's init container",
    "GUARD_MISSING",
    (pod) =>
      pod.spec.initContainers.unshift({
        name: "init",
        image: "i",
        securityContext: { capabilities: { drop: ["ALL"] } },
      }),
    { setting: "together" },
  ),
  attack(
    "guard and sidecar in one container with less memory than it needs",
    "RESOURCES_BELOW_FLOOR",
    (pod) => (both(pod).resources = { requests: { cpu: "10m", memory: "32Mi" }, limits: { memory: "32Mi" } }),
    { setting: "together" },
  ),
  attack(
    "an app with the uid that guard and sidecar in one container become",
    "SIDECAR_UID",
    (pod) => {
      pod.spec.containers[0].securityContext.runAsUser = Number(
        variable(both(pod), "PODROLE_SIDECAR_UID").value,
      );
    },
    { setting: "together" },
  ),
  attack(
    "an app that shares its processes with guard and sidecar in one container",
    "HOST_NAMESPACE",
    (pod) => (pod.spec.shareProcessNamespace = true),
    { setting: "together" },
  ),
  attack(
    "source node: guard and sidecar in one container that lets another uid through",
    "INJECTED_DIFFERENTLY",
    valueOf("PODROLE_OPEN_UID", "1000"),
    { setting: "togetherNode" },
  ),
  attack(
    "guard and sidecar in one container in an installation that writes two",
    "INJECTED_DIFFERENTLY",
    asOneContainer,
  ),
  attack(
    "guard and sidecar in one container where the guard is off",
    "INJECTED_DIFFERENTLY",
    asOneContainer,
    { setting: "off" },
  ),
];
