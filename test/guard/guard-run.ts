import { chmod, mkdtemp, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ENV } from "../../sidecar/contract/env.ts";
import { METADATA_ADDRESSES } from "../../sidecar/contract/metadata.ts";
import { must, type Ended } from "./command.ts";
import { file, type Lab } from "./lab.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** The real program, as its own process. */
export const GUARD = [process.execPath, file("../../sidecar/main.ts"), "guard"];

export const bounded = (capabilities: string): readonly string[] => [
  "setpriv",
  "--inh-caps=-all",
  `--bounding-set=-all,${capabilities}`,
  "--no-new-privs",
];

/** Like the guard's container: uid 0, only NET_ADMIN, no new privileges. */
export const AS_GUARD = bounded("+net_admin");

/** The guard's variables, as the injector writes them. */
export function guardEnv(lab: Lab): Env {
  return {
    PATH: process.env["PATH"],
    [ENV.blockedAddresses]: METADATA_ADDRESSES.join(","),
    [ENV.podIp]: lab.interfaces.eth0.podIp,
    [ENV.hostIp]: "10.0.0.1",
  };
}

export function runGuard(lab: Lab, env: Env = {}, as: readonly string[] = AS_GUARD): Promise<Ended> {
  // Set by env(1), since the programs before it must be found whatever PATH the guard gets.
  const settings = Object.entries({ ...guardEnv(lab), ...env }).map(
    ([name, value]) => `${name}=${value ?? ""}`,
  );
  return lab.inPod([...as, "/usr/bin/env", "-i", ...settings, ...GUARD]);
}

/** A machine that lacks something, and the packet filter that the guard has to name. */
export interface Lacking {
  readonly env: Env;
  readonly as: readonly string[];
  readonly says: string;
}

/**
 * Stands in for a kernel before 5.16: an nft that prints such a kernel's refusal of a script with the egress hook, and is
 * the real one for everything else.
 */
export async function withoutEgressHook(): Promise<Lacking> {
  const folder = await mkdtemp(join(tmpdir(), "podrole-old-kernel-"));
  const nft = (await must(["which", "nft"])).trim();
  const refusal =
    "/dev/stdin:60:9-14: Error: Could not process rule: Operation not supported\\n  chain egress {";
  await writeFile(
    join(folder, "nft"),
    `#!/bin/sh\n[ "$1" = -f ] || exec ${nft} "$@"\ntext=$(cat)\n` +
      `case $text in *"hook egress"*) printf '${refusal}\\n' >&2; exit 1;; esac\nprintf '%s\\n' "$text" | ${nft} -f -\n`,
  );
  await chmod(join(folder, "nft"), 0o755);
  const path = `${folder}:${process.env["PATH"] ?? ""}`;
  return { env: { PATH: path, [ENV.egressHook]: "prefer" }, as: AS_GUARD, says: "by nft without" };
}

/** An image without nft: a PATH on which there is iptables alone. */
export async function withoutNft(): Promise<Lacking> {
  const folder = await mkdtemp(join(tmpdir(), "podrole-no-nft-"));
  for (const version of ["iptables", "ip6tables"]) {
    for (const verb of ["save", "restore"]) {
      const name = `${version}-nft-${verb}`;
      await symlink((await must(["which", name])).trim(), join(folder, name));
    }
  }
  return { env: { PATH: folder, [ENV.egressHook]: "prefer" }, as: AS_GUARD, says: "by iptables-nft without" };
}

/** A kernel without nf_tables; iptables-legacy takes NET_RAW, which the injector gives the guard on request. */
export function withoutNfTables(): Lacking {
  const as = ["python3", file("attacker/kernel_without_nf_tables.py"), ...bounded("+net_admin,+net_raw")];
  return { env: { [ENV.egressHook]: "prefer" }, as, says: "by iptables-legacy without" };
}
