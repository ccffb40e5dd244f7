import { spawnSync } from "node:child_process";

/** Why these tests cannot run on this machine, or undefined. Goes into the title of what is skipped. */
export function whyNot(): string | undefined {
  if (process.platform !== "linux") return "not Linux";
  if (process.getuid?.() !== 0) return "not root";
  const missing = ["nft", "ip", "curl", "unshare"].find((name) => !runs("which", name));
  if (missing !== undefined) return `no ${missing}`;
  const nat = "table inet probe { chain c { type nat hook output priority -100; }; }";
  return runs("unshare", "--net", "nft", nat) ? undefined : "no right to make a network namespace with NAT";
}

export function runs(program: string, ...args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: "ignore", timeout: 30_000 }).status === 0;
}
