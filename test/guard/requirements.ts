import { spawnSync } from "node:child_process";

/** Why these tests cannot run on this machine, or undefined. Goes into the title of what is skipped. */
export function whyNot(): string | undefined {
  if (process.platform !== "linux") return "not Linux";
  if (process.getuid?.() !== 0) return "not root";
  const missing = ["nft", "ip", "python3", "setpriv", "unshare"].find((name) => !runs("which", name));
  if (missing !== undefined) return `no ${missing}`;
  if (!runs("unshare", "--net", "true")) return "no right to make a network namespace";
  // The interface need not exist for the kernel to say whether it knows the hook; loopback always does.
  const probe =
    'table netdev probe { chain c { type filter hook egress device "lo" priority 0; policy accept; }; }';
  if (!runs("unshare", "--net", "nft", probe)) return "no egress hook in this kernel";
  return undefined;
}

/** Why the guard's fallbacks to iptables cannot be tried here, or undefined. */
export function whyNoIptables(): string | undefined {
  for (const backEnd of ["nft", "legacy"]) {
    for (const program of [`iptables-${backEnd}`, `ip6tables-${backEnd}`]) {
      if (!runs("which", program)) return `no ${program}`;
      if (!runs("unshare", "--net", program, "-S")) return `no ${program} in this kernel`;
    }
  }
  return undefined;
}

function runs(program: string, ...args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: "ignore", timeout: 10_000 }).status === 0;
}
