/**
 * What a container may add at Pod Security level `baseline` (upstream's policy/check_capabilities_baseline.go). Compared
 * exactly, as there: what a runtime makes of `CAP_CHOWN` or `chown` differs from runtime to runtime.
 */
export const BASELINE_CAPABILITIES = [
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
] as const;

/** What an admin may exempt, and why it reaches neither the node nor guard, sidecar or another pod. */
export const EXEMPTIBLE_CAPABILITIES = {
  IPC_LOCK:
    "It keeps memory from being swapped, within the container's own memory limit. Vault, databases and DPDK use it.",
  SYS_NICE:
    "It raises the priority of the container's own processes. They can slow others of the node down, but read nothing of theirs. Databases and real-time programs use it.",
} as const satisfies Readonly<Record<string, string>>;

/** What is never exempted, by what a container could do with it. Any other capability is refused likewise. */
export const NEVER_EXEMPT_CAPABILITIES: Readonly<Record<string, string>> = {
  ALL: "it includes all the others",
  AUDIT_CONTROL: "it turns the node's audit log off",
  AUDIT_READ: "it reads the node's audit log",
  BPF: "it loads programs into the kernel, past the guard",
  CHECKPOINT_RESTORE: "it opens files that other processes have mapped",
  DAC_READ_SEARCH: "it opens every file of the node by its handle, and so every pod's tokens",
  LEASE: "it delays others that open files of the node",
  LINUX_IMMUTABLE: "it makes files of the node that the kubelet cannot remove",
  MAC_ADMIN: "it changes the node's security policy",
  MAC_OVERRIDE: "it overrides the node's security policy",
  NET_ADMIN: "it removes the guard's rules, and redirects what containers send to the sidecar",
  NET_RAW: "it sends packets past the guard's rules, and reads what containers send to the sidecar",
  PERFMON: "it reads the kernel's memory and that of others",
  SYSLOG: "it reads the kernel's log and addresses",
  SYS_ADMIN: "it mounts the node's disks and enters other namespaces",
  SYS_BOOT: "it loads another kernel",
  SYS_MODULE: "it loads modules into the kernel",
  SYS_PACCT: "it turns process accounting on and off",
  SYS_PTRACE:
    "it takes memory and open files from other processes, also from those of a pod that shares a socket",
  SYS_RAWIO: "it writes to the node's devices and memory",
  SYS_RESOURCE: "it uses up what the node keeps in reserve, past every limit",
  SYS_TIME: "it sets the node's clock",
};

/**
 * With the guard off, what is not in these lists could still reach the node or the sidecar's memory. These two could not:
 * they concern the pod's own network, which is open then (but see separation.ts).
 */
export const OWN_NETWORK: readonly string[] = ["NET_ADMIN", "NET_RAW"];

/** Whether a container may add the capability without an exemption. */
export function mayAdd(capability: string, guard: boolean): boolean {
  const allowed = guard ? WITH_GUARD : WITHOUT_GUARD;
  return allowed.has(capability);
}

const WITH_GUARD: ReadonlySet<string> = new Set(BASELINE_CAPABILITIES);
const WITHOUT_GUARD: ReadonlySet<string> = new Set([
  ...BASELINE_CAPABILITIES,
  ...Object.keys(EXEMPTIBLE_CAPABILITIES),
  ...OWN_NETWORK,
]);

/** A capability by the name that Kubernetes knows it by. */
export const canonical = (written: string): string => written.trim().toUpperCase().replace(/^CAP_/, "");
