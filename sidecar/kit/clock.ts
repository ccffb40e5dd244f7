import { setTimeout as delay } from "node:timers/promises";

/** Time as a value that is passed in: in a test, a day of renewals takes milliseconds. */
export interface Clock {
  /** The wall clock, which can be set: milliseconds since the epoch. */
  now(): number;
  /** The steady clock: milliseconds since some moment. It cannot be set, and stops while the machine sleeps. */
  elapsed(): number;
  /** Resolves after about `ms`, or at once when the signal aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  // Not performance.now(): Node loads its timeline of events for it, 1 ms and 0.2 MB.
  elapsed: () => Number(process.hrtime.bigint()) / 1e6,
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
  },
};
