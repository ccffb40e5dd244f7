import type { Container, PodSpec } from "../../../../injector/model/pod.ts";
import { istioInit } from "../../../support/mesh-inits.ts";
import type { ControlName } from "../../../../injector/decide/baseline/controls.ts";

/** Attacks that Pod Security level baseline stops. */

/** Upstream's list, written out once more. */
export const BASELINE = [
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "MKNOD",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
];
export const adding = (capability: string): Partial<Container> => ({
  securityContext: { capabilities: { add: ["CHOWN", capability] } },
});
const metadataService = { host: "169.254.169.254", port: 80 };

export interface Attack {
  readonly control: ControlName;
  readonly code: string;
  readonly attack: string;
  readonly container: Partial<Container>;
  /** Whether it is refused beside a sidecar even where the guard is off. */
  readonly withoutGuard: boolean;
}

const capability = (name: string, withoutGuard = true): Attack => ({
  control: "capabilities",
  code: "CAPABILITY_FORBIDDEN",
  attack: `the capability ${name}`,
  container: adding(name),
  withoutGuard,
});

const probe = (attack: string, container: Partial<Container>): Attack => ({
  control: "hostProbes",
  code: "PROBE_HOST",
  attack,
  container,
  withoutGuard: false,
});

const profile = (
  control: ControlName,
  code: string,
  attack: string,
  securityContext: Container["securityContext"] & object,
): Attack => ({ control, code, attack, container: { securityContext }, withoutGuard: false });

export const OF_CONTAINERS: readonly Attack[] = [
  capability("DAC_READ_SEARCH"),
  capability("SYS_BOOT"),
  capability("MAC_ADMIN"),
  capability("MAC_OVERRIDE"),
  capability("SYS_TIME"),
  capability("SYSLOG"),
  capability("SYS_ADMIN"),
  capability("SYS_MODULE"),
  capability("SYS_RAWIO"),
  capability("SYS_PTRACE"),
  capability("SYS_RESOURCE"),
  capability("BPF"),
  capability("PERFMON"),
  capability("CHECKPOINT_RESTORE"),
  capability("AUDIT_CONTROL"),
  capability("ALL"),
  capability("all"),
  capability("NOT_YET_INVENTED"),
  capability("CHOWN "),
  capability(""),
  capability("chown"),
  capability("CAP_CHOWN"),
  capability("NET_ADMIN", false),
  capability("NET_RAW", false),
  capability("IPC_LOCK", false),
  capability("SYS_NICE", false),
  ...["NET_ADMIN", "NET_RAW", "SYS_ADMIN", "DAC_READ_SEARCH"].flatMap((name) =>
    [name.toLowerCase(), `CAP_${name}`, `cap_${name.toLowerCase()}`, `Cap_${name}`].map((spelling) =>
      capability(spelling),
    ),
  ),
  {
    control: "capabilities",
    code: "CAPABILITY_FORBIDDEN",
    attack: "a capability beside a drop of ALL",
    container: { securityContext: { capabilities: { add: ["SYS_TIME"], drop: ["ALL"] } } },
    withoutGuard: true,
  },
  {
    control: "privileged",
    code: "PRIVILEGED",
    attack: "privileged",
    container: { securityContext: { privileged: true } },
    withoutGuard: true,
  },
  ...["Unmasked", "unmasked", "", "Something-new"].map((procMount) => ({
    control: "procMount" as const,
    code: "PRIVILEGED",
    attack: `procMount ${JSON.stringify(procMount)}`,
    container: { securityContext: { procMount } },
    withoutGuard: true,
  })),
  {
    control: "windowsHostProcess",
    code: "PRIVILEGED",
    attack: "a Windows host process",
    container: { securityContext: { windowsOptions: { hostProcess: true } } },
    withoutGuard: true,
  },
  ...[80, -1, 16_925].map((hostPort) => ({
    control: "hostPorts" as const,
    code: "HOST_PORT",
    attack: `port ${hostPort} of the node`,
    container: { ports: [{ containerPort: 1, hostPort: 0 }, { hostPort }] },
    withoutGuard: false,
  })),
  ...["livenessProbe", "readinessProbe", "startupProbe"].flatMap((field) => [
    probe(`${field}.httpGet of the metadata service`, { [field]: { httpGet: metadataService } }),
    probe(`${field}.tcpSocket of the metadata service`, { [field]: { tcpSocket: metadataService } }),
  ]),
  ...["postStart", "preStop"].flatMap((hook) => [
    probe(`${hook}.httpGet of the metadata service`, { lifecycle: { [hook]: { httpGet: metadataService } } }),
    probe(`${hook}.tcpSocket of the metadata service`, {
      lifecycle: { [hook]: { tcpSocket: metadataService } },
    }),
  ]),
  probe("a probe of the node's loopback", { livenessProbe: { httpGet: { host: "127.0.0.1" } } }),
  profile("seccomp", "SECCOMP_FORBIDDEN", "seccomp Unconfined", { seccompProfile: { type: "Unconfined" } }),
  profile("seccomp", "SECCOMP_FORBIDDEN", "seccomp without a type", { seccompProfile: {} }),
  profile("appArmor", "APPARMOR_FORBIDDEN", "AppArmor Unconfined", {
    appArmorProfile: { type: "Unconfined" },
  }),
  profile("appArmor", "APPARMOR_FORBIDDEN", "AppArmor without a type", { appArmorProfile: {} }),
  profile("seLinux", "SELINUX_FORBIDDEN", "the SELinux type spc_t", { seLinuxOptions: { type: "spc_t" } }),
  profile("seLinux", "SELINUX_FORBIDDEN", "an SELinux user", { seLinuxOptions: { user: "system_u" } }),
  profile("seLinux", "SELINUX_FORBIDDEN", "an SELinux role", { seLinuxOptions: { role: "sysadm_r" } }),
];

export interface PodAttack {
  readonly control: ControlName;
  readonly code: string;
  readonly attack: string;
  readonly spec?: Partial<PodSpec>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly withoutGuard: boolean;
}

const ofPod = (
  control: ControlName,
  code: string,
  attack: string,
  spec: Partial<PodSpec>,
  withoutGuard: boolean,
): PodAttack => ({ control, code, attack, spec, withoutGuard });

const annotated = (control: ControlName, code: string, key: string, value: string): PodAttack => ({
  control,
  code,
  attack: `the annotation ${key}: ${value}`,
  annotations: { [key]: value },
  withoutGuard: false,
});

export const SECCOMP = "seccomp.security.alpha.kubernetes.io/pod";
export const APPARMOR = "container.apparmor.security.beta.kubernetes.io/app";

export const OF_PODS: readonly PodAttack[] = [
  ...["hostPID", "hostIPC"].map((field) =>
    ofPod("hostNamespaces", "HOST_NAMESPACE", field, { [field]: true }, true),
  ),
  ...["/", "/var/lib/kubelet", "/run/containerd", "/var/log", "", undefined].map((path) =>
    ofPod(
      "hostPath",
      "HOST_PATH",
      `the path ${path} of the node`,
      { volumes: [{ name: "node", hostPath: path === undefined ? {} : { path } }] },
      true,
    ),
  ),
  ...["net.ipv4.conf.all.route_localnet", "kernel.core_pattern", "net/ipv4/tcp_syncookies", ""].map((name) =>
    ofPod(
      "sysctls",
      "SYSCTL_FORBIDDEN",
      `the sysctl ${name}`,
      { securityContext: { sysctls: [{ name }] } },
      true,
    ),
  ),
  ofPod("meshInit", "MESH_INIT", "a mesh's init container", { initContainers: [istioInit] }, false),
  ofPod(
    "windowsHostProcess",
    "PRIVILEGED",
    "a Windows host process",
    { securityContext: { windowsOptions: { hostProcess: true } } },
    true,
  ),
  ofPod(
    "seccomp",
    "SECCOMP_FORBIDDEN",
    "seccomp Unconfined",
    { securityContext: { seccompProfile: { type: "Unconfined" } } },
    false,
  ),
  ofPod(
    "appArmor",
    "APPARMOR_FORBIDDEN",
    "AppArmor Unconfined",
    { securityContext: { appArmorProfile: { type: "Unconfined" } } },
    false,
  ),
  ofPod(
    "seLinux",
    "SELINUX_FORBIDDEN",
    "an SELinux user",
    { securityContext: { seLinuxOptions: { user: "system_u", type: "container_t" } } },
    false,
  ),
  annotated("seccomp", "SECCOMP_FORBIDDEN", SECCOMP, "unconfined"),
  annotated("seccomp", "SECCOMP_FORBIDDEN", "container.seccomp.security.alpha.kubernetes.io/app", ""),
  annotated("appArmor", "APPARMOR_FORBIDDEN", APPARMOR, "unconfined"),
  annotated("appArmor", "APPARMOR_FORBIDDEN", APPARMOR, "runtime/default\n"),
];
