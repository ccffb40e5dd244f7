import type { Clock } from "../../sidecar/kit/clock.ts";
import { heap } from "./heap.ts";

/** A clock that only the test advances. */
export interface HandClock extends Clock {
  /** Advances the time. Sleepers wake in the right order and may sleep again meanwhile. */
  advance(ms: number): Promise<void>;
  /** Sets the wall clock forwards or back without firing timers, as on a machine that was suspended. */
  jump(ms: number): void;
}

/**
 * @param grainMs sleepers whose time comes within so many milliseconds wake together, at the end of them: for a simulation of many.
 * Default 0: one after the other
 */
export function handClock(start = Date.UTC(2026, 10, 21, 12), grainMs = 0): HandClock {
  let elapsed = 0;
  let wall = start;
  /** An aborted one stays until its time comes, and then does nothing. */
  const sleepers = heap<() => void>();

  const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const wake = (): void => {
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      signal?.addEventListener("abort", wake);
      const at = elapsed + Math.max(0, ms);
      sleepers.push(grainMs === 0 ? at : Math.ceil(at / grainMs) * grainMs, wake);
    });

  const advance = async (ms: number): Promise<void> => {
    const end = elapsed + ms;
    await settled();
    for (let next = sleepers.least(); next !== undefined && next.order <= end; next = sleepers.least()) {
      wall += next.order - elapsed;
      elapsed = next.order;
      sleepers.pop();
      next.value();
      if (grainMs === 0 || sleepers.least()?.order !== elapsed) await settled();
    }
    wall += end - elapsed;
    elapsed = end;
  };

  return { now: () => wall, elapsed: () => elapsed, sleep, advance, jump: (ms) => void (wall += ms) };
}

/** Resolves when every promise that can settle has settled. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
