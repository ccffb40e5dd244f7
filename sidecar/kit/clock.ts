import { setTimeout as delay } from "node:timers/promises";

/** Time, passed in: a day of refreshes runs in milliseconds in a test. */
export interface Clock {
  /** The wall clock: milliseconds since the epoch, as whoever set it has it. */
  now(): number;
  /** Milliseconds since some moment. Nobody can set it; it stands still while the machine sleeps. */
  elapsed(): number;
  /** Resolves after about `ms`, at once when the signal aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
  },
};
