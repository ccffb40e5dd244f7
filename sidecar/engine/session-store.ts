import { isExpired, type Credentials } from "../sts/credentials.ts";
import type { Clock } from "../kit/clock.ts";

/** One session in memory. */
export interface Held {
  readonly put: (credentials: Credentials) => void;
  /** What was put last, if it has not expired. Its end is by the wall clock as that is set now. */
  readonly current: () => Credentials | undefined;
}

/** The two clocks are read one after the other, and one of them in whole milliseconds: so much is no setting. */
const NOISE_MS = 50;

/**
 * Ends a session by the wall clock, or by the steady one if that says so first. On a machine that slept, only the wall
 * clock has moved on. Where the wall clock was set back it promises time that is not there: to us, and to an SDK, which
 * holds the end that it is told against the same clock. So that end is set back with it. Credentials that were granted
 * while the clock was ahead end early by as much, once it is put right.
 */
export function held({ now, elapsed }: Pick<Clock, "now" | "elapsed">): Held {
  let credentials: Credentials | undefined;
  let difference = 0;
  return {
    put: (granted) => {
      credentials = granted;
      difference = now() - elapsed();
    },
    current: () => {
      if (credentials === undefined) return undefined;
      const wall = now();
      const setBackMs = difference - (wall - elapsed());
      const shown =
        setBackMs > NOISE_MS ? { ...credentials, expiresAt: credentials.expiresAt - setBackMs } : credentials;
      return isExpired(shown, wall) ? undefined : shown;
    },
  };
}
