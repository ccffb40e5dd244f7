import { X509Certificate } from "node:crypto";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import { certificateAuthority, validFor } from "../../injector/tls/certificates.ts";
import type { FindingCode } from "../../injector/model/findings.ts";
import { config } from "../support/config.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import type { KubeObject } from "./kube-client.ts";

/** An installation and a namespace's annotations that an attack is tried in. */
export interface AttackSetting {
  readonly config: InjectorConfig;
  readonly annotations: Readonly<Record<string, string>>;
  /** Annotations of the pod. */
  readonly pod?: Readonly<Record<string, string>>;
}

/** A value of `stsCa` after parsing. */
const certificate = async (): Promise<string> =>
  new X509Certificate((await certificateAuthority("sts", validFor(1, Date.now()))).cert).toString();
const EMULATE = { "podrole.dev/imds": "emulate" };
const V1 = { "podrole.dev/imds-v1": "allowed" };

export const SETTINGS = {
  plain: { config: config(), annotations: {} },
  node: { config: config({ source: "node" }), annotations: {} },
  ambient: { config: config({ source: "ambient", ambientSecret: "identity" }), annotations: {} },
  overridden: {
    config: config({ sourceOverride: ["node"] }),
    annotations: { "podrole.dev/source": "node" },
  },
  off: { config: config({ guard: "off" }), annotations: {} },
  /** Every setting that adds something to guard and sidecar. */
  full: {
    config: config({
      egressHook: "require",
      guardNetRaw: true,
      credentialsPort: 7001,
      healthPort: 7002,
      stsFips: true,
      stsDualStack: true,
      stsCa: (await certificate()) + (await certificate()),
    }),
    annotations: {},
  },
  endpoint: { config: config({ stsEndpoint: "https://sts.example/$(A)" }), annotations: {} },
  emulated: { config: config({ imds: "allow-emulate" }), annotations: {}, pod: EMULATE },
  unasked: { config: config({ imds: "allow-emulate-v1" }), annotations: {} },
  tokenless: {
    config: config({ imds: "allow-emulate-v1", imdsPort: 8169 }),
    annotations: { ...EMULATE, ...V1 },
  },
  forbidden: {
    config: config({ imds: "allow-emulate-v1" }),
    annotations: { "podrole.dev/imds": "block", "podrole.dev/imds-v1": "denied" },
  },
  emulatedNode: {
    config: config({ source: "node", imds: "allow-emulate", imdsNodePaths: ["meta-data/instance-id"] }),
    annotations: {},
    pod: EMULATE,
  },
  tokenFile: { config: config({ token: "file" }), annotations: {} },
  tokenVariable: { config: config({ token: "env" }), annotations: {} },
  identities: {
    config: config(),
    annotations: {},
    pod: { "podrole.dev/role.app": "arn:aws:iam::111122223333:role/billing-writer" },
  },
} as const satisfies Record<string, AttackSetting>;

export interface Attack {
  readonly title: string;
  readonly code: FindingCode;
  /** Changes a pod that the webhook has patched. */
  readonly change: (pod: KubeObject) => void;
  readonly setting?: keyof typeof SETTINGS;
  /** Whether the pod has a role. Default: true. */
  readonly sidecar?: boolean;
}

const guard = (pod: KubeObject): KubeObject => pod.spec.initContainers[0];
const sidecar = (pod: KubeObject): KubeObject => pod.spec.initContainers[1];
const app = (pod: KubeObject): KubeObject => pod.spec.containers[0];

const attack = (
  title: string,
  code: FindingCode,
  change: (pod: KubeObject) => void,
  over: Pick<Attack, "setting" | "sidecar"> = {},
): Attack => ({ title, code, change, ...over });

/** Without volumes and mounts. */
export function withoutVolumes(pod: KubeObject): void {
  delete pod.spec.volumes;
  for (const container of pod.spec.containers) delete container.volumeMounts;
}

const dropping =
  (drop: readonly string[], add: readonly string[] = []) =>
  (pod: KubeObject): void => {
    app(pod).securityContext.capabilities = { drop, ...(add.length > 0 ? { add } : {}) };
  };
const withInit =
  (container: object) =>
  (pod: KubeObject): void => {
    pod.spec.initContainers.push({
      name: "init",
      image: "shop/init:1",
      securityContext: { capabilities: { drop: ["NET_RAW"] } },
      ...container,
    });
  };

const variable = (container: KubeObject, name: string): KubeObject =>
  container.env.find((one: { name: string }) => one.name === name);
const lessWalls = (pod: KubeObject): void => {
  variable(guard(pod), "PODROLE_EGRESS_HOOK").value = "prefer";
};
const valueOf =
  (name: string, value: string) =>
  (pod: KubeObject): void => {
    variable(sidecar(pod), name).value = value;
  };
const guardValueOf =
  (name: string, value: string) =>
  (pod: KubeObject): void => {
    variable(guard(pod), name).value = value;
  };
/** Another uid in the sidecar, with which the guard agrees. */
export const withUid =
  (uid: number, gid = uid) =>
  (pod: KubeObject): void => {
    Object.assign(sidecar(pod).securityContext, { runAsUser: uid, runAsGroup: gid });
    guardValueOf("PODROLE_SIDECAR_UID", String(uid))(pod);
  };

/** The threats of deploy/docs/security.md that admission stops. Each is tried on a pod that the webhook has patched. */
export const ATTACKS: readonly Attack[] = [
  attack("a pod that podrole has not patched", "GUARD_MISSING", (pod) => {
    delete pod.spec.initContainers;
    withoutVolumes(pod);
  }),
  attack("an opt-out without a guard", "GUARD_MISSING", (pod) => {
    pod.metadata.annotations = { "podrole.dev/inject": "false" };
    delete pod.spec.initContainers;
    withoutVolumes(pod);
  }),
  attack("the guard second, behind a user's init container", "GUARD_MISSING", (pod) => {
    withInit({})(pod);
    pod.spec.initContainers.unshift(pod.spec.initContainers.pop());
  }),
  attack("a guard that is an ordinary container", "GUARD_MISSING", (pod) => {
    pod.spec.containers.push(pod.spec.initContainers.shift());
  }),
  attack(
    "a status annotation in the place of a guard",
    "GUARD_MISSING",
    (pod) => {
      pod.spec.initContainers = [];
    },
    { sidecar: false },
  ),
  ...(
    [
      ["another image", { image: "evil/guard:1" }],
      ["command true", { command: ["true"] }],
      ["no command", { command: [] }],
      ["arguments", { args: ["--help"] }],
      ["a restart policy", { restartPolicy: "Always" }],
      ["variables of somebody's", { env: [{ name: "PODROLE_BLOCKED_ADDRESSES", value: "192.0.2.1" }] }],
      ["no variables", { env: [] }],
      ["variables from a ConfigMap", { envFrom: [{ configMapRef: { name: "a" } }] }],
      ["another working directory", { workingDir: "/tmp" }],
      ["another pull policy", { imagePullPolicy: "Never" }],
      ["another termination log", { terminationMessagePath: "/tmp/log" }],
      ["a terminal", { stdin: true, tty: true }],
      ["no security context", { securityContext: undefined }],
    ] as const
  ).map(([what, over]) =>
    attack(`a guard with ${what}`, "INJECTED_DIFFERENTLY", (pod) => Object.assign(guard(pod), over)),
  ),
  attack("a guard with one more variable", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).env.push({ name: "NODE_OPTIONS", value: "--require=/evil.js" });
  }),
  attack("a guard whose variable stands twice", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).env.push({ name: "PODROLE_BLOCKED_ADDRESSES", value: "192.0.2.1" });
  }),
  attack("a guard that lets the sidecar's uid through", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).env.splice(0, 0, { name: "PODROLE_OPEN_UID", value: String(SIDECAR_UID) });
  }),
  attack("a guard that has another address of the pod", "INJECTED_DIFFERENTLY", (pod) => {
    variable(guard(pod), "PODROLE_POD_IP").value = "10.0.0.1";
    delete variable(guard(pod), "PODROLE_POD_IP").valueFrom;
  }),
  attack("a guard with a volume over its program", "INJECTED_DIFFERENTLY", (pod) => {
    pod.spec.volumes.push({ name: "bin", emptyDir: {} });
    guard(pod).volumeMounts = [{ name: "bin", mountPath: "/usr/local/bin" }];
  }),
  attack("a guard with a volume of the API token's name elsewhere", "INJECTED_DIFFERENTLY", (pod) => {
    pod.spec.volumes.push({ name: "kube-api-access-x", emptyDir: {} });
    guard(pod).volumeMounts = [{ name: "kube-api-access-x", mountPath: "/usr/local/bin", readOnly: true }];
  }),
  attack("a guard with NET_RAW when the installation gives it none", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).securityContext.capabilities.add.push("NET_RAW");
  }),
  attack("a guard that accepts one layer of blocking less", "INJECTED_DIFFERENTLY", lessWalls, {
    setting: "full",
  }),
  attack("a guard without the setting of the egress hook", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).env = guard(pod).env.filter(({ name }: { name: string }) => name !== "PODROLE_EGRESS_HOOK");
  }),
  attack("a guard without NET_ADMIN", "INJECTED_DIFFERENTLY", (pod) => {
    delete guard(pod).securityContext.capabilities.add;
  }),
  attack("a guard that runs as another user", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).securityContext.runAsUser = 1000;
  }),
  attack("a guard in another SELinux context", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).securityContext.seLinuxOptions = { type: "spc_t" };
  }),
  ...(
    [
      ["another image", { image: "evil/sidecar:1" }],
      ["another command", { command: ["sleep", "1000"] }],
      ["arguments", { args: ["--inspect"] }],
      ["no hook", { lifecycle: undefined }],
      ["another hook", { lifecycle: { postStart: { exec: { command: ["true"] } } } }],
      ["a probe", { livenessProbe: { exec: { command: ["kill", "1"] } } }],
      ["no restart policy", { restartPolicy: undefined, lifecycle: undefined }],
      ["variables from a Secret", { envFrom: [{ secretRef: { name: "a" } }] }],
      ["no token mounted", { volumeMounts: [] }],
    ] as const
  ).map(([what, over]) =>
    attack(`a sidecar with ${what}`, "INJECTED_DIFFERENTLY", (pod) => Object.assign(sidecar(pod), over)),
  ),
  ...(
    [
      "NODE_OPTIONS",
      "HTTPS_PROXY",
      "AWS_ACCESS_KEY_ID",
      "PODROLE_STS_ENDPOINT",
      "PODROLE_STS_FIPS",
      "PODROLE_STS_DUAL_STACK",
      "PODROLE_STS_CA",
      "PODROLE_SOURCE",
    ] as const
  ).map((name) =>
    attack(`a sidecar with a ${name} of somebody's`, "INJECTED_DIFFERENTLY", (pod) => {
      sidecar(pod).env.push({ name, value: "https://evil.example" });
    }),
  ),
  attack(
    "a sidecar that trusts another CA",
    "INJECTED_DIFFERENTLY",
    valueOf("PODROLE_STS_CA", await certificate()),
    {
      setting: "full",
    },
  ),
  attack(
    "a sidecar that calls another STS than the installation's",
    "INJECTED_DIFFERENTLY",
    valueOf("PODROLE_STS_ENDPOINT", "https://evil.example"),
    { setting: "endpoint" },
  ),
  attack("a sidecar that takes its variable from a Secret", "INJECTED_DIFFERENTLY", (pod) => {
    sidecar(pod).env.push({ name: "PODROLE_X", valueFrom: { secretKeyRef: { name: "a", key: "b" } } });
  }),
  attack("a sidecar that does not verify the guard", "INJECTED_DIFFERENTLY", (pod) => {
    sidecar(pod).env = sidecar(pod).env.filter(
      ({ name }: { name: string }) => name !== "PODROLE_BLOCKED_ADDRESSES",
    );
  }),
  attack(
    "a sidecar of source node when the installation does not allow it",
    "INJECTED_DIFFERENTLY",
    (pod) => {
      sidecar(pod).env.find(({ name }: { name: string }) => name === "PODROLE_SOURCE").value = "node";
    },
  ),
  attack("a sidecar with one more mount", "INJECTED_DIFFERENTLY", (pod) => {
    pod.spec.volumes.push({ name: "shared", emptyDir: {} });
    sidecar(pod).volumeMounts.push({ name: "shared", mountPath: "/shared" });
  }),
  attack("a sidecar as root", "INJECTED_DIFFERENTLY", (pod) => {
    sidecar(pod).securityContext = { ...sidecar(pod).securityContext, runAsUser: 0, runAsNonRoot: false };
  }),
  attack("a guard with too little memory", "RESOURCES_BELOW_FLOOR", (pod) => {
    guard(pod).resources = { requests: { cpu: "10m", memory: "6Mi" }, limits: { memory: "6Mi" } };
  }),
  attack("a guard with too little CPU", "RESOURCES_BELOW_FLOOR", (pod) => {
    guard(pod).resources.limits.cpu = "10m";
  }),
  attack("a guard without requests", "RESOURCES_BELOW_FLOOR", (pod) => {
    delete guard(pod).resources;
  }),
  attack("a sidecar that requests too little memory", "RESOURCES_BELOW_FLOOR", (pod) => {
    sidecar(pod).resources.requests.memory = "1Mi";
  }),
  attack("a sidecar with too little memory", "RESOURCES_BELOW_FLOOR", (pod) => {
    sidecar(pod).resources.limits.memory = "96Mi";
  }),
  attack("a pod whose own limit leaves the guard too little CPU", "RESOURCES_BELOW_FLOOR", (pod) => {
    pod.spec.resources = { limits: { cpu: "20m" } };
  }),
  attack(
    "a pod whose own limit leaves the guard too little memory",
    "RESOURCES_BELOW_FLOOR",
    (pod) => {
      pod.spec.resources = { limits: { memory: "64Mi" } };
    },
    { sidecar: false },
  ),
  attack("a guard that claims a device", "INJECTED_DIFFERENTLY", (pod) => {
    pod.spec.resourceClaims = [{ name: "device", resourceClaimName: "device" }];
    guard(pod).resources.claims = [{ name: "device" }];
  }),
  attack("a guard with a device plugin's resource", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).resources.limits["vendor.example/device"] = "1";
    guard(pod).resources.requests["vendor.example/device"] = "1";
  }),
  attack("a guard with huge pages", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).resources.limits["hugepages-2Mi"] = "2Mi";
    guard(pod).resources.requests["hugepages-2Mi"] = "2Mi";
  }),
  attack("a guard that is not started again when it fails", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).restartPolicy = "Never";
    guard(pod).restartPolicyRules = [
      { action: "RestartAllContainers", exitCodes: { operator: "In", values: [0] } },
    ];
  }),
  attack("a sidecar behind a user's init container", "INJECTED_DIFFERENTLY", (pod) => {
    withInit({})(pod);
    pod.spec.initContainers.splice(1, 0, pod.spec.initContainers.pop());
  }),
  attack("a sidecar that is an ordinary container", "RESERVED_NAME", (pod) => {
    const [one] = pod.spec.initContainers.splice(1, 1);
    // The guard of a pod without a sidecar.
    guard(pod).env = guard(pod).env.filter(
      ({ name }: { name: string }) => !name.startsWith("PODROLE_SIDECAR_"),
    );
    delete one.restartPolicy;
    pod.spec.containers.push(one);
    withoutVolumes(pod);
  }),
  attack("a token volume with another audience", "RESERVED_NAME", (pod) => {
    pod.spec.volumes[0].projected.sources[0].serviceAccountToken.audience = "vault";
  }),
  attack("a token volume that is a Secret", "RESERVED_NAME", (pod) => {
    pod.spec.volumes[0] = { name: "podrole-token", secret: { secretName: "a" } };
  }),
  attack("a volume with a reserved name", "RESERVED_NAME", (pod) => {
    pod.spec.volumes.push({ name: "podrole-x", emptyDir: {} });
  }),
  attack("an app that mounts the sidecar's token", "RESERVED_NAME", (pod) => {
    app(pod).volumeMounts = [{ name: "podrole-token", mountPath: "/token" }];
  }),
  attack(
    "an init container that mounts the sidecar's token",
    "RESERVED_NAME",
    withInit({ volumeMounts: [{ name: "podrole-token", mountPath: "/token" }] }),
  ),
  attack("a container with a reserved name", "RESERVED_NAME", (pod) => {
    app(pod).name = "podrole-app";
  }),
  attack("an app that drops nothing", "CAPABILITY_FORBIDDEN", dropping([])),
  attack("an app without a security context", "CAPABILITY_FORBIDDEN", (pod) => {
    delete app(pod).securityContext;
  }),
  attack(
    "an app that drops CAP_NET_RAW, which drops nothing",
    "CAPABILITY_FORBIDDEN",
    dropping(["CAP_NET_RAW"]),
  ),
  attack("an app that drops net_raw in lower case", "CAPABILITY_FORBIDDEN", dropping(["net_raw"])),
  attack("an init container that drops nothing", "CAPABILITY_FORBIDDEN", withInit({ securityContext: {} })),
  attack("processes shared with the sidecar", "HOST_NAMESPACE", (pod) => {
    pod.spec.shareProcessNamespace = true;
  }),
  attack("the node's network", "HOST_NETWORK", (pod) => {
    pod.spec.hostNetwork = true;
  }),
  attack("an app with the sidecar's uid", "SIDECAR_UID", (pod) => {
    app(pod).securityContext.runAsUser = SIDECAR_UID;
  }),
  attack("a pod with the sidecar's uid", "SIDECAR_UID", (pod) => {
    pod.spec.securityContext = { runAsUser: SIDECAR_UID };
    delete app(pod).securityContext.runAsUser;
  }),
  attack(
    "an init container with the sidecar's uid",
    "SIDECAR_UID",
    withInit({ securityContext: { capabilities: { drop: ["ALL"] }, runAsUser: SIDECAR_UID } }),
  ),
  ...[0, 1000, 39_999, 65_000, 105_000].map((uid) =>
    attack(`a sidecar whose uid is ${uid}`, "INJECTED_DIFFERENTLY", withUid(uid)),
  ),
  attack("a sidecar whose gid is not its uid", "INJECTED_DIFFERENTLY", withUid(50_000, 50_001)),
  attack("a sidecar without a uid", "INJECTED_DIFFERENTLY", (pod) => {
    delete sidecar(pod).securityContext.runAsUser;
  }),
  attack("a guard that expects another uid of the sidecar", "INJECTED_DIFFERENTLY", (pod) => {
    guardValueOf("PODROLE_SIDECAR_UID", "1000")(pod);
  }),
  attack(
    "source node: a guard that lets through another uid than the sidecar's",
    "INJECTED_DIFFERENTLY",
    guardValueOf("PODROLE_OPEN_UID", "1000"),
    { setting: "node" },
  ),
  attack(
    "a guard that protects other ports",
    "INJECTED_DIFFERENTLY",
    guardValueOf("PODROLE_SIDECAR_PORTS", "1,2"),
  ),
  attack("a guard that protects no port", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).env = guard(pod).env.filter(
      ({ name }: { name: string }) => !name.startsWith("PODROLE_SIDECAR_"),
    );
  }),
  attack(
    "a guard of an emulating pod that leaves the emulated port to others",
    "INJECTED_DIFFERENTLY",
    guardValueOf("PODROLE_SIDECAR_PORTS", "16925,16926"),
    { setting: "emulated" },
  ),
  ...["PODROLE_LISTEN_CREDENTIALS", "PODROLE_LISTEN_HEALTH"].map((name) =>
    attack(`a sidecar with another ${name}`, "INJECTED_DIFFERENTLY", valueOf(name, "8080")),
  ),
  attack(
    "source node: an app whose image chooses the uid",
    "UID_UNKNOWN",
    (pod) => {
      delete app(pod).securityContext.runAsUser;
    },
    { setting: "node" },
  ),
  attack(
    "source node: an app that allows privilege escalation",
    "PRIVILEGE_ESCALATION",
    (pod) => {
      app(pod).securityContext.allowPrivilegeEscalation = true;
    },
    { setting: "node" },
  ),
  attack(
    "source node: an app that leaves privilege escalation open",
    "PRIVILEGE_ESCALATION",
    (pod) => {
      delete app(pod).securityContext.allowPrivilegeEscalation;
    },
    { setting: "overridden" },
  ),
  attack(
    "source node: an app that adds SETUID",
    "CAPABILITY_FORBIDDEN",
    dropping(["NET_RAW", "SETGID", "SETUID"], ["SETUID"]),
    { setting: "node" },
  ),
  attack("source node: an app that keeps SETUID", "CAPABILITY_FORBIDDEN", dropping(["NET_RAW", "SETGID"]), {
    setting: "overridden",
  }),
  attack(
    "source node: a guard that opens another uid",
    "INJECTED_DIFFERENTLY",
    (pod) => {
      guard(pod).env[0].value = "0";
    },
    { setting: "node" },
  ),
  attack(
    "source ambient: keys of another Secret",
    "INJECTED_DIFFERENTLY",
    (pod) => {
      for (const { valueFrom } of sidecar(pod).env)
        if (valueFrom?.secretKeyRef) valueFrom.secretKeyRef.name = "mine";
    },
    { setting: "ambient" },
  ),
  attack(
    "guard off: a guard that is not podrole's",
    "INJECTED_DIFFERENTLY",
    (pod) => {
      pod.spec.initContainers.push({ name: "podrole-guard", image: "evil" });
    },
    { setting: "off" },
  ),
  attack(
    "guard off: an app that adds SYS_PTRACE beside a sidecar",
    "CAPABILITY_FORBIDDEN",
    dropping([], ["SYS_PTRACE"]),
    { setting: "off" },
  ),
];

type Variables = Readonly<Record<string, string>>;

/** Sets variables of guard or sidecar, in their place or before the last ones. An empty value removes one. */
function setting(container: KubeObject, variables: Variables): void {
  for (const [name, value] of Object.entries(variables)) {
    const at = container.env.findIndex((one: { name: string }) => one.name === name);
    if (value === "") container.env.splice(at, 1);
    else if (at >= 0) container.env[at] = { name, value };
    else container.env.splice(-4, 0, { name, value });
  }
}

const emulation = (
  title: string,
  where: keyof typeof SETTINGS,
  change: { readonly guard?: Variables; readonly sidecar?: Variables; readonly pod?: Variables },
): Attack =>
  attack(
    title,
    "INJECTED_DIFFERENTLY",
    (pod) => {
      setting(guard(pod), change.guard ?? {});
      setting(sidecar(pod), change.sidecar ?? {});
      Object.assign(pod.metadata.annotations, change.pod ?? {});
    },
    { setting: where },
  );

/** The variables that the injector gives guard and sidecar for emulation. */
const GUARD_EMULATES = { PODROLE_IMDS: "emulate", PODROLE_LISTEN_IMDS: "16927" };
const BY_HAND = { guard: GUARD_EMULATES, sidecar: { ...GUARD_EMULATES, PODROLE_IMDS_V1: "denied" } };

/** Emulation without permission, and guard and sidecar with mismatched emulation variables. */
export const EMULATION_ATTACKS: readonly Attack[] = [
  emulation("an emulation that the installation does not allow", "plain", { ...BY_HAND, pod: EMULATE }),
  emulation("an emulation that nobody has asked for", "unasked", BY_HAND),
  emulation("an emulation that the namespace forbids", "forbidden", { ...BY_HAND, pod: EMULATE }),
  emulation("a guard that emulates where the sidecar does not", "unasked", { guard: GUARD_EMULATES }),
  emulation("a sidecar that emulates where the guard blocks", "unasked", { sidecar: BY_HAND.sidecar }),
  emulation("a pod that asks and whose guard and sidecar block", "unasked", { pod: EMULATE }),
  emulation("a guard that blocks where the sidecar emulates", "emulated", {
    guard: { PODROLE_IMDS: "", PODROLE_LISTEN_IMDS: "" },
  }),
  emulation("a sidecar that does not emulate where the guard does", "emulated", {
    sidecar: { PODROLE_IMDS: "", PODROLE_LISTEN_IMDS: "" },
  }),
  emulation("a guard that redirects to another port", "emulated", { guard: { PODROLE_LISTEN_IMDS: "8080" } }),
  emulation("a sidecar that listens at another port", "emulated", {
    sidecar: { PODROLE_LISTEN_IMDS: "8080" },
  }),
  emulation("a sidecar whose port is left to its default", "tokenless", {
    sidecar: { PODROLE_LISTEN_IMDS: "" },
  }),
  emulation("a sidecar that blocks by another word", "emulated", { sidecar: { PODROLE_IMDS: "block" } }),
  emulation("answers without a token that the installation does not allow", "emulated", {
    sidecar: { PODROLE_IMDS_V1: "allowed" },
    pod: V1,
  }),
  emulation("answers without a token that nobody has asked for", "tokenless", {
    pod: { "podrole.dev/imds-v1": "denied" },
  }),
  emulation("paths of the node's service that the installation does not name", "emulatedNode", {
    sidecar: { PODROLE_IMDS_NODE_PATHS: "meta-data/instance-id,meta-data/tags/instance/owner" },
  }),
  emulation("paths of the node's service in another source", "emulated", {
    sidecar: { PODROLE_IMDS_NODE_PATHS: "meta-data/instance-id" },
  }),
  attack(
    "a guard that emulates in a pod without a role",
    "INJECTED_DIFFERENTLY",
    (pod) => {
      setting(guard(pod), GUARD_EMULATES);
      pod.metadata.annotations = EMULATE;
    },
    { setting: "unasked", sidecar: false },
  ),
];

const DROPPED = { capabilities: { drop: ["ALL"] } };

/** Ephemeral containers: a description, its fields, and the code of its denial. */
export const DEBUG_ATTACKS: readonly (readonly [string, object, FindingCode])[] = [
  ["that drops nothing", {}, "CAPABILITY_FORBIDDEN"],
  [
    "that drops CAP_NET_RAW",
    { securityContext: { capabilities: { drop: ["CAP_NET_RAW"] } } },
    "CAPABILITY_FORBIDDEN",
  ],
  [
    "aimed at the sidecar",
    { securityContext: DROPPED, targetContainerName: "podrole-sidecar" },
    "EPHEMERAL_TARGET",
  ],
  [
    "that mounts the token",
    { securityContext: DROPPED, volumeMounts: [{ name: "podrole-token", mountPath: "/t" }] },
    "RESERVED_NAME",
  ],
  ["with a name of podrole's", { name: "podrole-debug", securityContext: DROPPED }, "RESERVED_NAME"],
  [
    "that mounts the pod's token elsewhere",
    {
      securityContext: DROPPED,
      volumeMounts: [{ name: "podrole-identity-0", mountPath: "/t", readOnly: true }],
    },
    "RESERVED_NAME",
  ],
  ["with the sidecar's uid", { securityContext: { ...DROPPED, runAsUser: SIDECAR_UID } }, "SIDECAR_UID"],
];
