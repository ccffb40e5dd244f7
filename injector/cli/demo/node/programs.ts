import { chmod, copyFile, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Mount } from "./script.ts";

const BUNDLES = ["sidecar.cjs", "demo-app.mjs"];

/**
 * Our image, as a folder: Node, the bundles and the command `podrole-sidecar`. Copied, since the folder they lie in may
 * be closed to other users.
 * @param seenAs where a container finds the folder
 * @param hasMounts whether containers have mounts of their own
 * @returns what is still to be mounted: Node, which is large
 */
export async function installPrograms(
  dist: string,
  folder: string,
  seenAs: string,
  hasMounts: boolean,
): Promise<readonly Mount[]> {
  const [node, command] = [join(folder, "node"), join(folder, "podrole-sidecar")];
  const script = `exec '${join(seenAs, "node")}' '${join(seenAs, "sidecar.cjs")}' "$@"`;
  await Promise.all([
    ...BUNDLES.map((name) => copyFile(join(dist, name), join(folder, name))),
    hasMounts ? writeFile(node, "") : symlink(process.execPath, node),
    writeFile(command, `#!/bin/sh\n${script}\n`),
  ]);
  const files = (await readdir(folder)).filter((name) => name !== "node");
  await Promise.all(files.map((name) => chmod(join(folder, name), 0o755)));
  if (!hasMounts) return [];
  const { mode } = await stat(process.execPath);
  if ((mode & 0o005) === 0o005) return [{ from: process.execPath, to: node }];
  // Installed under a strict umask: a mount would be closed to other users as well.
  await copyFile(process.execPath, node);
  await chmod(node, 0o755);
  return [];
}
