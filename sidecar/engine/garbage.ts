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
