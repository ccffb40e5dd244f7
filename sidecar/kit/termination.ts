import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";

/**
 * Writes the line that `kubectl describe pod` shows. Only an existing file is written to: the kubelet creates it, and
 * elsewhere (a laptop, a test) no file must appear. Never throws: the exit code matters more.
 * @param path empty or absent: nothing is written
 */
export function writeTerminationMessage(path: string | undefined, line: string): void {
  if (path === undefined || path === "") return;
  try {
    const file = openSync(path, "r+");
    ftruncateSync(file, 0);
    // The kubelet shows 4096 bytes.
    writeSync(file, line.slice(0, 4000), 0);
    closeSync(file);
  } catch {
    // Standard error has the same line.
  }
}
