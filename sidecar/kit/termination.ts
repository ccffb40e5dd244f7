import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { ENV } from "../contract/env.ts";
import { DEFAULTS } from "./defaults.ts";
import type { Env } from "./env.ts";

/**
 * Writes the line that `kubectl describe pod` shows. Only an existing file is written to: the kubelet creates it, and
 * elsewhere (a laptop, a test) no file must appear. Never throws: the exit code matters more.
 * An empty path in ENV.terminationLog means none.
 */
export function writeTerminationMessage(env: Env, line: string): void {
  const path = terminationLogOf(env);
  // The hook repeats the sidecar's message, and may be killed between emptying the file and writing it again.
  if (readTerminationMessage(env) === line) return;
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
export function readTerminationMessage(env: Env): string {
  try {
    return readFileSync(terminationLogOf(env), "utf8").trim();
  } catch {
    return "";
  }
}

/** The file's path. Empty: there is none. */
export const terminationLogOf = (env: Env): string => env[ENV.terminationLog] ?? DEFAULTS[ENV.terminationLog];
