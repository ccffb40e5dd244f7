import type { Clock } from "../../sidecar/kit/clock.ts";

/** How often something may begin. */
export interface Rate {
  /** For long. */
  readonly perSecond: number;
  /** At once, after a quiet time. */
  readonly burst: number;
}

/** @returns a function that says whether one more may begin now; one that may not counts for nothing */
export function allowance(clock: Pick<Clock, "elapsed">, { perSecond, burst }: Rate): () => boolean {
  let [left, at] = [burst, clock.elapsed()];
  return () => {
    const now = clock.elapsed();
    left = Math.min(burst, left + (Math.max(0, now - at) / 1000) * perSecond);
    at = now;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}

/**
 * An allowance of its own for each key, such as an address.
 * @param keysMax the key that was used longest ago is forgotten when there are more, and then begins anew
 */
export function allowances(
  clock: Pick<Clock, "elapsed">,
  rate: Rate,
  keysMax: number,
): (key: string) => boolean {
  const known = new Map<string, () => boolean>();
  return (key) => {
    const mayBegin = known.get(key) ?? allowance(clock, rate);
    known.delete(key);
    known.set(key, mayBegin);
    if (known.size > keysMax) {
      const [oldest] = known.keys();
      if (oldest !== undefined) known.delete(oldest);
    }
    return mayBegin();
  };
}
