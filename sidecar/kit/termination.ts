import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";

/**
 * Writes the line that `kubectl describe pod` shows. Only an existing file is written to: the kubelet creates it, and
 * elsewhere (a laptop, a test) no file must appear. Never throws: the exit code matters more.
 * @param path empty or absent: nothing is written
 */
export function writeTerminationMessage(path: string | undefined, line: string): void {
  if (path === undefined || path === "") return;
  // The hook repeats the sidecar's message, and may be killed between emptying the file and writing it again.
  if (readTerminationMessage(path) === line) return;
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

/**
 * The line that a process of this container wrote before it ended, or an empty text. The kubelet makes a new file for every
 * start of a container.
 */
export function readTerminationMessage(path: string | undefined): string {
  if (path === undefined || path === "") return "";
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
