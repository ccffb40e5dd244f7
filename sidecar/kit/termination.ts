import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";

/**
 * Leaves a line where `kubectl describe pod` shows it. Only a file that is already there is written to: the kubelet
 * makes it, and elsewhere (a laptop, a test) nothing must appear. Never throws: the exit code matters more.
 * @param path empty or absent: nothing is written
 */
export function writeTerminationMessage(path: string | undefined, line: string): void {
  if (path === undefined || path === "") return;
  try {
    const file = openSync(path, "r+");
    ftruncateSync(file, 0);
    // The kubelet shows 4096 bytes of it.
    writeSync(file, line.slice(0, 4000), 0);
    closeSync(file);
  } catch {
    // The same line is on standard error.
  }
}
