import type { Clock } from "./clock.ts";

/**
 * The outcome of the work if it comes in time. If not, the work goes on, and nobody waits for it here.
 * @throws what `late` makes, after so many milliseconds
 */
export async function within<T>(
  work: Promise<T>,
  ms: number,
  clock: Pick<Clock, "sleep">,
  late: () => Error,
): Promise<T> {
  const done = new AbortController();
  const limit = clock.sleep(ms, done.signal).then(() => {
    throw late();
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    done.abort();
  }
}
