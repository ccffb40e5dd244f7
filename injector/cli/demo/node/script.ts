import type { SecurityContext } from "../../../model/pod.ts";
import { CodedError } from "../../../../sidecar/kit/errors.ts";

/** A folder on this machine, and its path in a container. */
export interface Mount {
  readonly from: string;
  readonly to: string;
}

/** What a container may do. */
export interface Privileges {
  readonly uid: number;
  readonly gid: number;
  /** In lower case, without `cap_`. */
  readonly capabilities: readonly string[];
  readonly mayEscalate: boolean;
}

/** containerd's default capabilities. */
const DEFAULT_CAPABILITIES = [
  "chown",
  "dac_override",
  "fowner",
  "fsetid",
  "kill",
  "setgid",
  "setuid",
  "setpcap",
  "net_bind_service",
  "net_raw",
  "sys_chroot",
  "mknod",
  "audit_write",
  "setfcap",
];

/** A container's security context over its pod's, with a runtime's defaults for what both leave open. */
export function privilegesOf(
  container: SecurityContext | undefined,
  pod: SecurityContext | undefined,
): Privileges {
  const named = (list: readonly string[] | undefined): readonly string[] =>
    (list ?? []).map((name) => name.toLowerCase().replace(/^cap_/, ""));
  const drop = named(container?.capabilities?.drop);
  const kept = drop.includes("all") ? [] : DEFAULT_CAPABILITIES.filter((name) => !drop.includes(name));
  const uid = container?.runAsUser ?? pod?.runAsUser ?? 0;
  return {
    uid,
    gid: container?.runAsGroup ?? pod?.runAsGroup ?? 0,
    capabilities: [...new Set([...kept, ...named(container?.capabilities?.add)])],
    mayEscalate: container?.allowPrivilegeEscalation !== false,
  };
}

export interface ContainerFiles {
  /** What becomes /dev. */
  readonly dev: string;
  readonly devices: readonly string[];
  /** In this order, after everything else: the last may hide where the others come from. */
  readonly binds: readonly Mount[];
  /** Folders of the host that an empty file system is laid over, so that mount points can be made below them. */
  readonly veils: readonly string[];
  readonly mounts: readonly Mount[];
  readonly privileges: Privileges;
}

/**
 * What `sh` runs in a mount namespace of its own before it becomes the container's command, its arguments: the files at
 * their exact paths, then the user and the capabilities. The command ends with the process that started it.
 * @throws CodedError `DEMO_UNSUPPORTED` for a mount at the top of the file system
 */
export function containerScript({ dev, devices, binds, veils, mounts, privileges }: ContainerFiles): string {
  if (veils.includes("/")) {
    throw new CodedError("DEMO_UNSUPPORTED", "A volume is mounted at the top of the file system.", {
      remedy: "Run another example.",
    });
  }
  return [
    "set -e",
    // Containers have this one, whatever the host's is.
    "umask 022",
    ...devices.map((name) => `mount --bind /dev/${name} ${quoted(`${dev}/${name}`)}`),
    `mount --rbind ${quoted(dev)} /dev`,
    ...veils.map((folder) => `mount -t tmpfs -o mode=755 tmpfs ${quoted(folder)}`),
    ...mounts.flatMap(({ from, to }) => [
      `mkdir -p ${quoted(to)}`,
      `mount --bind ${quoted(from)} ${quoted(to)}`,
      `mount -o remount,bind,ro ${quoted(to)}`,
    ]),
    ...binds.map(({ from, to }) => `mount --rbind ${quoted(from)} ${quoted(to)}`),
    `exec ${setpriv(privileges).join(" ")} -- "$@"`,
  ].join("\n");
}

function setpriv({ uid, gid, capabilities, mayEscalate }: Privileges): readonly string[] {
  const set = ["-all", ...capabilities.map((name) => `+${name}`)].join(",");
  return [
    "setpriv",
    `--reuid ${uid} --regid ${gid} --clear-groups`,
    `--bounding-set ${quoted(set)} --inh-caps -all`,
    ...(mayEscalate ? [] : ["--no-new-privs"]),
    // Containers must not outlive the demo. One that changes its uid loses this; it is ended by its pid.
    "--pdeathsig KILL",
  ];
}

/** A word for `sh`. */
const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
