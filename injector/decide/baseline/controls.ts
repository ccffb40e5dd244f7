import { EXEMPTIBLE_CAPABILITIES } from "./capabilities.ts";
import { capabilities, hostPorts, privileged, probeHosts, procMount } from "./container-checks.ts";
import type { Control } from "./control.ts";
import { meshInits } from "./mesh-init.ts";
import { hostNamespaces, hostPaths, hostProcess, sysctls } from "./pod-checks.ts";
import { appArmor, seccomp, seLinux } from "./profile-checks.ts";
import { EXEMPTIBLE_SYSCTLS } from "./sysctls.ts";

const never = (because: string): Control["exempt"] => ({ by: "nothing", because });

/**
 * Pod Security level `baseline` as upstream has it since 1.35 (k8s.io/pod-security-admission, policy/check_*.go). podrole
 * enforces it in every pod with a guard: the namespace's own level has to be `privileged` for mode `block`, and may be so in mode `verify`.
 * A pod on the node's network that the setting `hostNetwork` admits is held to it as well.
 * deploy/chart/templates/_baseline.tpl says the same in CEL, with the lists of capabilities.ts, paths.ts and sysctls.ts:
 * change both.
 */
export const CONTROLS = {
  privileged: {
    code: "PRIVILEGED",
    fields: "securityContext.privileged",
    forbids: "privileged containers",
    forSidecar: true,
    exempt: never("Such a container is root on the node."),
    violations: privileged,
  },
  capabilities: {
    code: "CAPABILITY_FORBIDDEN",
    fields: "securityContext.capabilities.add",
    forbids: "capabilities other than baseline's 13",
    forSidecar: true,
    exempt: {
      by: "value",
      values: Object.keys(EXEMPTIBLE_CAPABILITIES),
      because: "Only those that reach neither the node nor guard, sidecar or another pod.",
    },
    violations: capabilities,
  },
  meshInit: {
    code: "MESH_INIT",
    fields: "securityContext.capabilities.add of the init containers istio-init and linkerd-init",
    forbids:
      "NET_ADMIN and NET_RAW in a service mesh's init container, unless the setting meshInitImages trusts it",
    forSidecar: false,
    exempt: never(
      "It removes the guard's rules, and redirects what containers send. The setting is the whole cluster's: no annotation stands for it.",
    ),
    violations: meshInits,
  },
  hostNamespaces: {
    code: "HOST_NAMESPACE",
    fields: "hostNetwork, hostPID, hostIPC",
    forbids: "namespaces of the node (hostNetwork has a code of its own, HOST_NETWORK)",
    forSidecar: true,
    exempt: never("The node's network has the metadata service. Its processes hold every pod's credentials."),
    violations: hostNamespaces,
  },
  hostPath: {
    code: "HOST_PATH",
    fields: "volumes[].hostPath",
    forbids: "volumes that are a path of the node",
    forSidecar: true,
    exempt: {
      by: "path",
      because:
        "Log collectors need it, which read the logs of every pod of the node. A path that holds tokens, keys, sockets or the kernel's files cannot be exempted.",
    },
    violations: hostPaths,
  },
  hostPorts: {
    code: "HOST_PORT",
    fields: "ports[].hostPort",
    forbids: "ports of the node",
    forSidecar: false,
    exempt: {
      by: "name",
      because:
        "The port leads into the pod, never out of it. But the pod receives what others send to that port of the node, such as 53 of a DNS cache or 80 of EKS Pod Identity's agent. Give it to trusted pods only.",
    },
    violations: hostPorts,
  },
  hostProbes: {
    code: "PROBE_HOST",
    fields: "host of httpGet and tcpSocket, in probes and lifecycle hooks",
    forbids: "probes and hooks that make the kubelet connect to another host",
    forSidecar: false,
    exempt: never(
      "The kubelet connects from the node, so the guard cannot keep it from the metadata service.",
    ),
    violations: probeHosts,
  },
  procMount: {
    code: "PRIVILEGED",
    fields: "securityContext.procMount",
    forbids: "an unmasked /proc, unless the pod has a user namespace (hostUsers: false)",
    forSidecar: true,
    exempt: never("Through it root in the container changes settings of the node's kernel."),
    violations: procMount,
  },
  seccomp: {
    code: "SECCOMP_FORBIDDEN",
    fields: "securityContext.seccompProfile.type, and its former annotations",
    forbids: "the seccomp profile Unconfined",
    forSidecar: false,
    exempt: {
      by: "name",
      because:
        "It is what a pod without a profile has, unless the kubelet has a default. No capability comes with it.",
    },
    violations: seccomp,
  },
  appArmor: {
    code: "APPARMOR_FORBIDDEN",
    fields: "securityContext.appArmorProfile.type, and its former annotations",
    forbids: "the AppArmor profile Unconfined",
    forSidecar: false,
    exempt: {
      by: "name",
      because: "It is what every pod has on a node without AppArmor. No capability comes with it.",
    },
    violations: appArmor,
  },
  seLinux: {
    code: "SELINUX_FORBIDDEN",
    fields: "securityContext.seLinuxOptions",
    forbids: "SELinux types of other programs, and any SELinux user or role",
    forSidecar: false,
    exempt: {
      by: "name",
      because:
        "It is what every pod has on a node without SELinux. Log collectors on nodes with it need a type that may read the logs.",
    },
    violations: seLinux,
  },
  sysctls: {
    code: "SYSCTL_FORBIDDEN",
    fields: "securityContext.sysctls",
    forbids: "sysctls other than those that Kubernetes calls safe",
    forSidecar: true,
    exempt: {
      by: "value",
      values: EXEMPTIBLE_SYSCTLS,
      because:
        "Only sizes of the pod's own queues and shared memory. Others let neighbours call the sidecar.",
    },
    violations: sysctls,
  },
  windowsHostProcess: {
    code: "PRIVILEGED",
    fields: "securityContext.windowsOptions.hostProcess",
    forbids: "Windows containers that are processes of the node",
    forSidecar: true,
    exempt: never("Such a container is a process of the node."),
    violations: hostProcess,
  },
} as const satisfies Readonly<Record<string, Control>>;

export type ControlName = keyof typeof CONTROLS;

export const CONTROL_NAMES = Object.keys(CONTROLS) as readonly ControlName[];

export const controlOf = (name: ControlName): Control => CONTROLS[name];
