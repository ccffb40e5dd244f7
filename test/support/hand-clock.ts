import type { Clock } from "../../sidecar/kit/clock.ts";

/** A clock that only the test advances. */
export interface HandClock extends Clock {
  /** Advances the time. Sleepers wake in the right order and may sleep again meanwhile. */
  advance(ms: number): Promise<void>;
  /** Sets the wall clock forwards or back without firing timers, as on a machine that was suspended. */
  jump(ms: number): void;
}

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

export function handClock(start = Date.UTC(2026, 10, 21, 12)): HandClock {
  let elapsed = 0;
  let wall = start;
  const sleepers = new Set<Sleeper>();

  const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const sleeper = {
        at: elapsed + Math.max(0, ms),
        wake: () => {
          sleepers.delete(sleeper);
          resolve();
        },
      };
      sleepers.add(sleeper);
      signal?.addEventListener("abort", sleeper.wake, { once: true });
    });

  const advance = async (ms: number): Promise<void> => {
    const end = elapsed + ms;
    await settled();
    for (let next = earliest(sleepers); next !== undefined && next.at <= end; next = earliest(sleepers)) {
      wall += next.at - elapsed;
      elapsed = next.at;
      next.wake();
      await settled();
    }
    wall += end - elapsed;
    elapsed = end;
  };

  return { now: () => wall, elapsed: () => elapsed, sleep, advance, jump: (ms) => void (wall += ms) };
}

const earliest = (sleepers: ReadonlySet<Sleeper>): Sleeper | undefined =>
  [...sleepers].sort((a, b) => a.at - b.at)[0];

/** Resolves when every promise that can settle has settled. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
