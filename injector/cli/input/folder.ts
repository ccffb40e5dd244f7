import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { CodedError } from "../../../sidecar/kit/errors.ts";

const MANIFEST = /\.(?:ya?ml|json)$/;

/**
 * A folder's manifests by their names, those of its folders too, in the order of their paths; any other name as it is.
 * @throws CodedError `FILE_UNREADABLE` for a folder without one
 */
export async function filesOf(name: string): Promise<readonly string[]> {
  const found = name === "-" ? undefined : await stat(name).catch(() => undefined);
  if (found?.isDirectory() !== true) return [name];
  const entries = await readdir(name, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => !entry.isDirectory() && MANIFEST.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  if (files.length > 0) return files;
  throw new CodedError("FILE_UNREADABLE", `The folder ${name} has no file named .yaml, .yml or .json.`, {
    remedy: "Give the folder with the manifests.",
  });
}
