import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./run.ts";

/** As everything in a release is dated: its commit, in seconds since 1970. */
export type Epoch = number;

/**
 * Packs a .tgz anew, so that its bytes depend on its files' names and contents and on `epoch`, and on nothing else. helm writes the
 * present time into an archive, and the versions of npm and helm compress differently.
 * @param from  an archive
 * @param to  where the new one is written
 */
export function repack(from: string, to: string, epoch: Epoch): void {
  const work = mkdtempSync(join(tmpdir(), "podrole-archive-"));
  try {
    run("tar", ["-xzf", from, "-C", work]);
    const same = ["--format=ustar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"];
    const dated = [`--mtime=@${epoch}`, "--mode=u=rwX,go=rX", "--use-compress-program=gzip -n -9"];
    run("tar", ["-cf", to, "-C", work, ...same, ...dated, "--transform=s|^\\./||", "."]);
  } finally {
    rmSync(work, { recursive: true });
  }
}
