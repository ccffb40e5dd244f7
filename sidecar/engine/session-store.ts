import { isExpired, type Credentials } from "../sts/credentials.ts";
import type { Clock } from "../kit/clock.ts";

/** Holds one session in memory. */
export interface SessionStore {
  readonly put: (credentials: Credentials) => void;
  readonly drop: () => void;
  /** The session that was put last, unless it has expired. Its end is by the wall clock as it is set now. */
  readonly current: () => Credentials | undefined;
}

/** The two clocks are read one after the other, one of them in whole milliseconds. Less than this is not a clock that was set. */
const NOISE_MS = 50;

/**
 * Ends a session by the wall clock or by the steady clock, whichever says so first. On a machine that slept, only the wall
 * clock has moved on. A wall clock that was set back makes a session seem longer than it is, to us and to an SDK, which
 * compares the end with the same clock; so the end is moved back by as much. Credentials that were granted while the
 * clock was ahead therefore end early once it is corrected.
 */
export function createSessionStore({ now, elapsed }: Pick<Clock, "now" | "elapsed">): SessionStore {
  let credentials: Credentials | undefined;
  let difference = 0;
  return {
    put: (granted) => {
      credentials = granted;
      difference = now() - elapsed();
    },
    drop: () => {
      credentials = undefined;
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
