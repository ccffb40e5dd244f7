import { config } from "../support/config.ts";
import { facts } from "../support/facts.ts";
import { plainPod, pod as harmless } from "../support/pods.ts";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import {
  app,
  attack,
  dropping,
  guard,
  guardValueOf,
  sidecar,
  valueOf,
  variable,
  withInit,
  withoutVolumes,
  type Attack,
} from "./attack.ts";
import type { KubeObject } from "./kube-client.ts";
import { patched } from "./patched.ts";

type Change = (pod: KubeObject) => void;

const context =
  (over: object): Change =>
  (pod) =>
    Object.assign(guard(pod).securityContext, over);
const sharing = (runAsUser: number, runAsGroup: number): Change => context({ runAsUser, runAsGroup });

/** Guard and sidecar as another installation writes them. */
const asIn =
  (other: Partial<InjectorConfig>): Change =>
  (pod) => {
    const hasRole = pod.spec.initContainers.some(({ name }: KubeObject) => name === "podrole-sidecar");
    const { spec } = patched(hasRole ? harmless() : plainPod(), facts(), config(other));
    Object.assign(pod.spec, { initContainers: spec.initContainers, volumes: spec.volumes });
  };

/** Of a guard in mode verify, beside a sidecar. */
const guards: readonly (readonly [string, Change])[] = [
  ["that does what mode block does", (pod) => (guard(pod).command = ["podrole-sidecar", "guard"])],
  ["that serves", (pod) => (guard(pod).command = ["podrole-sidecar", "serve"])],
  ["that runs another program", (pod) => (guard(pod).command = ["true"])],
  ["whose command goes on", (pod) => (guard(pod).command = ["podrole-sidecar", "verify", "--help"])],
  ["with arguments", (pod) => (guard(pod).args = ["--help"])],
  ["of another image", (pod) => (guard(pod).image = "evil/guard:1")],
  ["that is started again", (pod) => (guard(pod).restartPolicy = "Always")],
  ["that tries no address", guardValueOf("PODROLE_BLOCKED_ADDRESSES", "none")],
  ["that tries another address", guardValueOf("PODROLE_BLOCKED_ADDRESSES", "192.0.2.1")],
  ["with a variable that only rules need", guardValueOf("PODROLE_EGRESS_HOOK", "prefer")],
  ["that opens a uid", guardValueOf("PODROLE_OPEN_UID", "1000")],
  ["with another termination log", guardValueOf("PODROLE_TERMINATION_LOG", "/tmp/log")],
  ["with a variable of others", guardValueOf("NODE_OPTIONS", "--require=/evil.js")],
  ["with variables from a ConfigMap", (pod) => (guard(pod).envFrom = [{ configMapRef: { name: "a" } }])],
  ["as root", sharing(0, 0)],
  ["as another uid than the sidecar's", context({ runAsUser: 40_000 })],
  ["as a user of the app", sharing(1000, 1000)],
  ["in another group than the sidecar's", context({ runAsGroup: 50_001 })],
  ["in root's group", context({ runAsGroup: 0 })],
  ["in the group of a mesh, without the sidecar", context({ runAsGroup: 1337 })],
  ["of any uid", context({ runAsUser: undefined })],
  ["of any group", context({ runAsGroup: undefined })],
  ["that may be root", context({ runAsNonRoot: false })],
  ["that does not say that it is not root", context({ runAsNonRoot: undefined })],
  ["with NET_ADMIN", context({ capabilities: { drop: ["ALL"], add: ["NET_ADMIN"] } })],
  ["with NET_RAW, which only mode block has", context({ capabilities: { drop: ["ALL"], add: ["NET_RAW"] } })],
  ["that keeps a capability", context({ capabilities: { drop: ["NET_RAW"] } })],
  ["that may get new privileges", context({ allowPrivilegeEscalation: true })],
  ["with a file system to write to", context({ readOnlyRootFilesystem: false })],
  ["without a seccomp profile", context({ seccompProfile: undefined })],
  ["whose seccomp profile forbids nothing", context({ seccompProfile: { type: "Unconfined" } })],
  ["without a security context", (pod) => (guard(pod).securityContext = undefined)],
  [
    "with a volume over its program",
    (pod) => {
      pod.spec.volumes.push({ name: "bin", emptyDir: {} });
      guard(pod).volumeMounts.push({ name: "bin", mountPath: "/usr/local/bin" });
    },
  ],
];

/** Of the sidecar beside it. */
const sidecars: readonly (readonly [string, Change])[] = [
  [
    "that relies on rules",
    (pod) => {
      sidecar(pod).env = sidecar(pod).env.filter(({ name }: { name: string }) => name !== "PODROLE_GUARD");
    },
  ],
  ["that relies on rules and says so", (pod) => (variable(sidecar(pod), "PODROLE_GUARD").value = "block")],
  ["that names a mode twice", (pod) => sidecar(pod).env.push({ name: "PODROLE_GUARD", value: "block" })],
  ["that proves nothing", valueOf("PODROLE_BLOCKED_ADDRESSES", "none")],
  ["of source node", valueOf("PODROLE_SOURCE", "node")],
  ["that emulates the metadata service", valueOf("PODROLE_IMDS", "emulate")],
];

export const VERIFY_ATTACKS: readonly Attack[] = [
  ...guards.map(([what, change]) =>
    attack(`a guard in mode verify ${what}`, "INJECTED_DIFFERENTLY", change, { setting: "restricted" }),
  ),
  ...sidecars.map(([what, change]) =>
    attack(`mode verify: a sidecar ${what}`, "INJECTED_DIFFERENTLY", change, { setting: "restricted" }),
  ),
  attack(
    "a guard in mode verify that tries fewer addresses than are set",
    "INJECTED_DIFFERENTLY",
    (pod) => (guard(pod).env = []),
    { setting: "verify" },
  ),
  attack(
    "a sidecar that tries fewer addresses than are set",
    "INJECTED_DIFFERENTLY",
    (pod) => (variable(sidecar(pod), "PODROLE_BLOCKED_ADDRESSES").value = "169.254.169.254"),
    { setting: "verify" },
  ),
  ...[true, false].flatMap((hasRole) => {
    const whose = hasRole ? "with a role" : "without a role";
    return [
      attack(
        `a pod ${whose} whose guard is in mode block where it is verify`,
        "INJECTED_DIFFERENTLY",
        asIn({}),
        { setting: "restricted", sidecar: hasRole },
      ),
      attack(
        `a pod ${whose} whose guard is in mode verify where it is block`,
        "INJECTED_DIFFERENTLY",
        asIn({ guard: "verify" }),
        { sidecar: hasRole },
      ),
      attack(
        `a pod ${whose} whose guard is in mode verify in source node`,
        "INJECTED_DIFFERENTLY",
        asIn({ guard: "verify" }),
        { setting: "node", sidecar: hasRole },
      ),
      attack(
        `a pod ${whose} without a guard where it is in mode verify`,
        "GUARD_MISSING",
        (pod) => pod.spec.initContainers.shift(),
        { setting: "restricted", sidecar: hasRole },
      ),
    ];
  }),
  attack(
    "a pod whose guard is in mode verify where the guard is off",
    "INJECTED_DIFFERENTLY",
    asIn({ guard: "verify" }),
    { setting: "off" },
  ),
  attack(
    "guard and sidecar in one container where the guard is in mode verify",
    "INJECTED_DIFFERENTLY",
    asIn({ guardContainer: "sidecar" }),
    { setting: "restricted" },
  ),
  attack(
    "guard and sidecar in one container that says it is in mode verify",
    "INJECTED_DIFFERENTLY",
    (pod) => guard(pod).env.push({ name: "PODROLE_GUARD", value: "verify" }),
    { setting: "together" },
  ),
  attack(
    "mode block: a sidecar that proves instead of relying on rules",
    "INJECTED_DIFFERENTLY",
    valueOf("PODROLE_GUARD", "verify"),
  ),
  attack(
    "guard off: a sidecar that names a mode",
    "INJECTED_DIFFERENTLY",
    guardValueOf("PODROLE_GUARD", "verify"),
    { setting: "off" },
  ),
  attack(
    "mode verify: a pod that asks for emulation",
    "INJECTED_DIFFERENTLY",
    (pod) => (pod.metadata.annotations["podrole.dev/imds"] = "emulate"),
    { setting: "restricted" },
  ),
  ...(
    [
      ["as the sidecar of another pod", sharing(40_001, 40_001)],
      ["as root", sharing(0, 0)],
      ["in a group of no mesh", sharing(40_000, 2000)],
      ["in root's group", sharing(40_000, 0)],
      ["with a uid of a sidecar that is not there", guardValueOf("PODROLE_SIDECAR_UID", "40000")],
    ] as const
  ).map(([what, change]) =>
    attack(`a guard in mode verify without a sidecar, ${what}`, "INJECTED_DIFFERENTLY", change, {
      setting: "restricted",
      sidecar: false,
    }),
  ),
  attack(
    "mode verify: a guard behind a user's init container",
    "GUARD_MISSING",
    (pod) => {
      withInit({})(pod);
      pod.spec.initContainers.unshift(pod.spec.initContainers.pop());
    },
    { setting: "restricted" },
  ),
  attack(
    "mode verify: a guard with too little memory",
    "RESOURCES_BELOW_FLOOR",
    (pod) => (guard(pod).resources = { requests: { cpu: "10m", memory: "6Mi" }, limits: { memory: "6Mi" } }),
    { setting: "restricted" },
  ),
  attack("mode verify: an app that keeps NET_RAW", "CAPABILITY_FORBIDDEN", dropping([]), {
    setting: "verify",
  }),
  attack(
    "mode verify: an app that adds NET_ADMIN",
    "CAPABILITY_FORBIDDEN",
    dropping(["ALL"], ["NET_ADMIN"]),
    { setting: "verify" },
  ),
  attack(
    "mode verify: an app on the node's processes",
    "HOST_NAMESPACE",
    (pod) => {
      pod.spec.hostPID = true;
    },
    { setting: "verify" },
  ),
  attack(
    "mode verify: an app on the node's network",
    "HOST_NETWORK",
    (pod) => {
      pod.spec.hostNetwork = true;
    },
    { setting: "verify" },
  ),
  attack(
    "mode verify: a pod that podrole has not patched",
    "GUARD_MISSING",
    (pod) => {
      delete pod.spec.initContainers;
      withoutVolumes(pod);
    },
    { setting: "restricted" },
  ),
  attack(
    "mode verify: an app with the sidecar's uid",
    "SIDECAR_UID",
    (pod) => {
      app(pod).securityContext.runAsUser = sidecar(pod).securityContext.runAsUser;
    },
    { setting: "restricted" },
  ),
];
