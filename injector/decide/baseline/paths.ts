/** Which paths of the node an admin may exempt, and which of them a pod may mount then. */

/** Neither these, nor what lies in them, nor what holds them: tokens, keys, memory, sockets and the kernel's own files. */
export const NEVER_EXEMPT_PATHS: Readonly<Record<string, string>> = {
  "/dev": "the node's devices",
  "/etc": "the node's own credentials and what it starts",
  "/home": "keys of the node's users",
  "/local": "every pod's tokens (Bottlerocket)",
  "/mnt/k8s-disks": "every pod's tokens (nodes of EKS with local disks)",
  "/mnt/stateful_partition": "every pod's tokens (Container-Optimized OS)",
  "/ostree": "the node's disk",
  "/proc": "the kernel's files and every process",
  "/root": "keys of the node's users",
  "/run": "the sockets of the container runtime",
  "/srv/kubernetes": "the cluster's keys (kOps)",
  "/sys": "the kernel's files",
  "/sysroot": "the node's disk",
  "/system": "the node's own state (Talos)",
  "/var/crash": "memory of programs that crashed, also in containers",
  "/var/home": "keys of the node's users",
  "/var/lib/amazon": "the node's own credentials (Systems Manager)",
  "/var/lib/apport": "memory of programs that crashed, also in containers",
  "/var/lib/cloud": "what the node joined the cluster with",
  "/var/lib/containerd": "every container's files",
  "/var/lib/containers": "every container's files",
  "/var/lib/cri-dockerd": "every container's files",
  "/var/lib/docker": "every container's files",
  "/var/lib/etcd": "every Secret",
  "/var/lib/k0s": "every pod's tokens",
  "/var/lib/kube-proxy": "the node's own credentials (kOps)",
  "/var/lib/kubelet": "every pod's tokens",
  "/var/lib/minikube": "the cluster's keys",
  "/var/lib/rancher": "the cluster's keys",
  "/var/lib/systemd": "memory of programs that crashed, also in containers",
  "/var/lib/waagent": "the node's own credentials (Azure)",
  "/var/roothome": "keys of the node's users",
  "/var/run": "the sockets of the container runtime",
  "/var/snap": "every pod's tokens (MicroK8s)",
  "/var/spool/abrt": "memory of programs that crashed, also in containers",
};

/** Not writable: programs and jobs that the node runs, and logs that the kubelet reads as root. */
export const NEVER_WRITABLE_PATHS: Readonly<Record<string, string>> = {
  "/bin": "programs of the node",
  "/boot": "the node's kernel",
  "/lib": "programs of the node",
  "/lib32": "programs of the node",
  "/lib64": "programs of the node",
  "/libx32": "programs of the node",
  "/opt": "programs of the node",
  "/sbin": "programs of the node",
  "/snap": "programs of the node",
  "/usr": "programs of the node",
  "/var/lib/dpkg": "programs of the node",
  "/var/lib/rpm": "programs of the node",
  // A log that became a link is read as root by the kubelet, for whoever may read the pod's log.
  "/var/log/containers": "links to logs, by which the kubelet reads any file of the node",
  "/var/log/pods": "logs in whose place a link lets the kubelet read any file of the node",
  "/var/spool": "jobs of the node",
};

/** Folders without `.` and `..`, and without a slash at the end: then a comparison of texts is one of folders. */
export const EXEMPTIBLE_PATH = /^(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/;

const isBelow = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);
const overlaps = (one: string, other: string): boolean =>
  one === other || isBelow(one, other) || isBelow(other, one);

/** Why a path cannot be exempted; undefined if it can. */
export function whyNeverExempt(path: string, writable: boolean): string | undefined {
  if (!EXEMPTIBLE_PATH.test(path)) {
    return "its path is not absolute, or has an empty, hidden or relative part or an unusual character";
  }
  const never = { ...NEVER_EXEMPT_PATHS, ...(writable ? NEVER_WRITABLE_PATHS : {}) };
  const found = Object.entries(never).find(([folder]) => overlaps(path, folder));
  return found && `${found[0]} holds ${found[1]}`;
}

/** The exempted paths of a namespace. */
export interface ExemptPaths {
  /** With all that lies in them. */
  readonly readable: readonly string[];
  /** These alone: what lies in a folder that a pod may write to can be a link to anywhere, and the runtime follows links. */
  readonly writable: readonly string[];
}

/** Whether a path lies in a folder that pods may write to. */
export const isInWritable = (path: string, { writable }: ExemptPaths): boolean =>
  writable.some((folder) => isBelow(path, folder));

/**
 * The exemption by which a pod may mount a path, as the entry's value; undefined if there is none. A path with `.` or empty
 * parts leads to the same folder below the prefix, and one with `..` may lead anywhere.
 */
export function exemptPath(path: string, readOnly: boolean, exempt: ExemptPaths): string | undefined {
  if (path.split("/").includes("..") || isInWritable(path, exempt)) return undefined;
  if (exempt.writable.includes(path)) return `${path}:rw`;
  return readOnly ? exempt.readable.find((folder) => path === folder || isBelow(path, folder)) : undefined;
}
