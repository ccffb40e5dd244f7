import { spawnSync } from "node:child_process";
import { whyNot as whyNoGuard } from "../guard/requirements.ts";

/** Why these tests cannot run on this machine, or undefined. Goes into the title of what is skipped. */
export const whyNot = (): string | undefined =>
  whyNoGuard() ?? (runs("curl", "--version") ? undefined : "no curl");

export function runs(program: string, ...args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: "ignore", timeout: 30_000 }).status === 0;
}
