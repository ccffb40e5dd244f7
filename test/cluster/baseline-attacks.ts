import type { FindingCode } from "../../injector/model/findings.ts";
import type { KubeObject } from "./kube-client.ts";
import type { Attack } from "./attack.ts";

/** A way to the node or past the guard that Pod Security level `baseline` forbids. */
interface Breach {
  readonly what: string;
  readonly code: FindingCode;
}

/** One that is set on a container. */
export interface ContainerBreach extends Breach {
  readonly fields: KubeObject;
  /** The API server itself takes these fields from an app's or a sidecar's container only. */
  readonly appOnly?: boolean;
}

const CAPABILITIES = [
  // Opens every file of the node by its handle: open_by_handle_at on the mounted /etc/hosts.
  "DAC_READ_SEARCH",
  "SYS_BOOT",
  "MAC_ADMIN",
  "MAC_OVERRIDE",
  "SYS_TIME",
  "SYSLOG",
  "NET_ADMIN",
  "NET_RAW",
  "NET_BROADCAST",
  "SYS_ADMIN",
  "SYS_MODULE",
  "SYS_RAWIO",
  "SYS_PTRACE",
  "SYS_RESOURCE",
  "SYS_PACCT",
  "SYS_NICE",
  "SYS_TTY_CONFIG",
  "BPF",
  "PERFMON",
  "CHECKPOINT_RESTORE",
  "AUDIT_CONTROL",
  "AUDIT_READ",
  "BLOCK_SUSPEND",
  "WAKE_ALARM",
  "IPC_LOCK",
  "IPC_OWNER",
  "LEASE",
  "LINUX_IMMUTABLE",
  "ALL",
  // Other spellings, some of which a container runtime understands.
  "all",
  "cap_net_admin",
  "CAP_SYS_ADMIN",
  "Net_Raw",
  "chown",
  "CAP_CHOWN",
  "\u017Fys_admin",
  "net_adm\u0131n",
  "CHOWN ",
  "FUTURE_ONE",
];

const adding = (name: string): ContainerBreach => ({
  what: `adds ${JSON.stringify(name)}`,
  code: "CAPABILITY_FORBIDDEN",
  fields: { securityContext: { capabilities: { add: [name] } } },
});
const secured = (what: string, code: FindingCode, securityContext: object): ContainerBreach => ({
  what,
  code,
  fields: { securityContext },
});
const METADATA = { host: "169.254.169.254", port: 80 };

export const CONTAINER_BREACHES: readonly ContainerBreach[] = [
  ...CAPABILITIES.map(adding),
  secured("adds a forbidden capability after an allowed one", "CAPABILITY_FORBIDDEN", {
    capabilities: { add: ["CHOWN", "DAC_READ_SEARCH"] },
  }),
  secured("is privileged", "PRIVILEGED", { privileged: true }),
  secured("has no seccomp profile", "SECCOMP_FORBIDDEN", { seccompProfile: { type: "Unconfined" } }),
  secured("has no AppArmor profile", "APPARMOR_FORBIDDEN", { appArmorProfile: { type: "Unconfined" } }),
  secured("has the SELinux type of a privileged container", "SELINUX_FORBIDDEN", {
    seLinuxOptions: { type: "spc_t" },
  }),
  secured("has a SELinux user", "SELINUX_FORBIDDEN", { seLinuxOptions: { user: "system_u" } }),
  secured("has a SELinux role", "SELINUX_FORBIDDEN", { seLinuxOptions: { role: "system_r" } }),
  ...(
    [
      ["takes a port of the node", "HOST_PORT", { ports: [{ containerPort: 80, hostPort: 80 }] }],
      [
        "takes a port of the node for UDP, after one of its own",
        "HOST_PORT",
        {
          ports: [
            { containerPort: 80 },
            { containerPort: 53, hostPort: 53, hostIP: "127.0.0.1", protocol: "UDP" },
          ],
        },
      ],
      ["is probed at the metadata service", "PROBE_HOST", { livenessProbe: { httpGet: METADATA } }],
      ["is probed at a port of the node", "PROBE_HOST", { readinessProbe: { tcpSocket: METADATA } }],
      ["is probed at the metadata service first", "PROBE_HOST", { startupProbe: { httpGet: METADATA } }],
      [
        "calls the metadata service when it starts",
        "PROBE_HOST",
        { lifecycle: { postStart: { httpGet: METADATA } } },
      ],
      [
        "calls the metadata service when it stops",
        "PROBE_HOST",
        { lifecycle: { preStop: { httpGet: METADATA } } },
      ],
    ] as const
  ).map(([what, code, fields]) => ({ what, code, fields, appOnly: true })),
];

/** One that is set on the pod. */
interface PodBreach extends Breach {
  readonly change: (pod: KubeObject) => void;
}

const ofPod = (what: string, code: FindingCode, securityContext: object): PodBreach => ({
  what,
  code,
  change: ({ spec }) => {
    spec.securityContext = { ...spec.securityContext, ...securityContext };
  },
});
const annotated = (what: string, code: FindingCode, key: string): PodBreach => ({
  what,
  code,
  change: ({ metadata }) => {
    metadata.annotations = { ...metadata.annotations, [key]: "unconfined" };
  },
});

export const POD_BREACHES: readonly PodBreach[] = [
  ofPod("has no seccomp profile", "SECCOMP_FORBIDDEN", { seccompProfile: { type: "Unconfined" } }),
  ofPod("has no AppArmor profile", "APPARMOR_FORBIDDEN", { appArmorProfile: { type: "Unconfined" } }),
  ofPod("has another SELinux type", "SELINUX_FORBIDDEN", { seLinuxOptions: { type: "spc_t" } }),
  ofPod("lets neighbours call its loopback", "SYSCTL_FORBIDDEN", {
    sysctls: [{ name: "net.ipv4.conf.all.route_localnet", value: "1" }],
  }),
  ofPod("sets a sysctl with slashes", "SYSCTL_FORBIDDEN", {
    sysctls: [{ name: "net/ipv4/tcp_rmem", value: "1" }],
  }),
  annotated(
    "has no seccomp profile by the former annotation",
    "SECCOMP_FORBIDDEN",
    "seccomp.security.alpha.kubernetes.io/pod",
  ),
  annotated(
    "has a container without a seccomp profile by the former annotation",
    "SECCOMP_FORBIDDEN",
    "container.seccomp.security.alpha.kubernetes.io/app",
  ),
  annotated(
    "has a container without an AppArmor profile by the former annotation",
    "APPARMOR_FORBIDDEN",
    "container.apparmor.security.beta.kubernetes.io/app",
  ),
  annotated(
    "has a guard without an AppArmor profile by the former annotation",
    // The API server copies the annotation into the guard's field.
    "INJECTED_DIFFERENTLY",
    "container.apparmor.security.beta.kubernetes.io/podrole-guard",
  ),
  ...(["hostPID", "hostIPC"] as const).map((field): PodBreach => ({
    what: `sets ${field}`,
    code: "HOST_NAMESPACE",
    change: ({ spec }) => {
      spec[field] = true;
    },
  })),
  {
    what: "mounts a path of the node",
    code: "HOST_PATH",
    change: ({ spec }) => {
      spec.volumes = [...(spec.volumes ?? []), { name: "node", hostPath: { path: "/var/lib/kubelet" } }];
    },
  },
];

const DROPPED = { capabilities: { drop: ["NET_RAW"] } };

/** The container's fields over those of a harmless one. NET_RAW stays dropped: that is another rule. */
export const breaching = ({ fields }: ContainerBreach, container: KubeObject): KubeObject => {
  const { securityContext = {}, ...others } = fields;
  const { capabilities = {}, ...context } = securityContext;
  return {
    ...container,
    ...others,
    securityContext: {
      ...container.securityContext,
      ...context,
      capabilities: { ...DROPPED.capabilities, ...capabilities },
    },
  };
};

const inApp = (breach: ContainerBreach): Attack => ({
  title: `an app that ${breach.what}`,
  code: breach.code,
  change: ({ spec }) => {
    spec.containers[0] = breaching(breach, spec.containers[0]);
  },
  sidecar: false,
});

const inInit = (breach: ContainerBreach): Attack => ({
  title: `an init container that ${breach.what}`,
  code: breach.code,
  change: ({ spec }) => {
    const init = {
      name: "init",
      image: "a",
      ...(breach.appOnly === true ? { restartPolicy: "Always" } : {}),
    };
    spec.initContainers.push(breaching(breach, init));
  },
});

/** Each breach in each place of a pod with a role, or with the guard alone. */
export const BASELINE_ATTACKS: readonly Attack[] = [
  ...CONTAINER_BREACHES.flatMap((breach) => [inApp(breach), inInit(breach)]),
  ...POD_BREACHES.flatMap(({ what, code, change }): Attack[] => [
    { title: `a pod with a role that ${what}`, code, change },
    { title: `a pod without a role that ${what}`, code, change, sidecar: false },
  ]),
];
