import { writeSync } from "node:fs";
import { systemCode } from "./errors.ts";

/** The pipe is full, and its descriptor is non-blocking. */
const FULL: ReadonlySet<string> = new Set(["EAGAIN", "EBUSY"]);
const FULL_MS = 100;

/**
 * Writes a whole text to a descriptor before it returns: in as many pieces as the other end takes, and, as pino does,
 * for as long as a full pipe needs. Never throws: what a closed pipe or a full disk does not take is lost.
 */
export function writeAll(
  fd: number,
  text: string,
  write: (fd: number, bytes: Buffer) => number = writeSync,
): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(write(fd, rest));
    } catch (error) {
      if (!FULL.has(systemCode(error) ?? "")) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_MS);
    }
  }
}
