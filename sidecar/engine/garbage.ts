import type { Clock } from "../kit/clock.ts";

/** By then the waiting requests are answered. */
const QUIET_MS = 200;

/**
 * V8 collects garbage when memory runs short, which never happens in a process that then idles for half an hour. What was
 * needed only to start and to call STS is a sixth of the sidecar's memory, and every pod pays for it.
 * @returns call it after such work: a moment later `collect` runs once, however often it was called
 */
export function collectLater(
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

/** What V8 does before it runs out of memory: it frees all garbage, and code that has not run lately. */
const LAST_RESORT = { type: "major", flavor: "last-resort" } as const;

/**
 * Takes about 25 ms, in which no request is answered. The flag is set here and not on the command line, where it would
 * make Node start 40 ms slower: Node's own code is compiled in advance for no flags.
 */
export function collectGarbage(): void {
  // Not imported: see node-http.cjs.
  process.getBuiltinModule("node:v8").setFlagsFromString("--expose-gc");
  const gc: unknown = process.getBuiltinModule("node:vm").runInNewContext("globalThis.gc");
  if (typeof gc === "function") gc(LAST_RESORT);
}
