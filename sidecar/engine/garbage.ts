import type { Clock } from "../kit/clock.ts";

/** By then the answers that were waited for are out. */
const QUIET_MS = 200;

/**
 * V8 collects when memory runs short, and a process that then sits still for half an hour never gets there. What was
 * needed once, to start and to call STS, is a sixth of what the sidecar holds, and every pod holds it.
 * @returns to be called after such work; however often, `collect` is called once, a moment later
 */
export function tidyAfterwards(
  collect: () => void,
  { sleep }: Pick<Clock, "sleep">,
  signal: AbortSignal,
): () => void {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    void sleep(QUIET_MS, signal).then(() => {
      isDue = false;
      if (!signal.aborted) collect();
    });
  };
}

/** What V8 does before it gives up for want of memory: all garbage, and code that has not run of late. */
const THOROUGHLY = { type: "major", flavor: "last-resort" } as const;

/**
 * Some 25 ms in which nobody is answered. The way to V8's collector is one that Node's start would be 40 ms slower for,
 * if it were opened by a flag there: Node's own code comes compiled for no flags.
 */
export function collectGarbage(): void {
  // Not imported: see node-http.cjs.
  process.getBuiltinModule("node:v8").setFlagsFromString("--expose-gc");
  const gc: unknown = process.getBuiltinModule("node:vm").runInNewContext("globalThis.gc");
  if (typeof gc === "function") gc(THOROUGHLY);
}
