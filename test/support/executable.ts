import { delimiter, join } from "node:path";
import { accessSync, constants } from "node:fs";

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The first program of this name in the folders of PATH, then in the other folders. */
export function executableOnPath(name: string, ...others: readonly string[]): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...others].filter(
    (folder) => folder !== "",
  );
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}
