import { performance, type EventLoopUtilization } from "node:perf_hooks";
import type { Clock } from "../../sidecar/kit/clock.ts";
import { collectGarbage } from "../../sidecar/kit/collect-garbage.ts";

/** How often the heap is looked at. */
const INTERVAL_MS = 30_000;
/** Share of the interval in which the event loop ran something. Above it, a collection would make reviews wait. */
const IDLE = 0.1;
/** A heap that is so much larger than after the last collection is worth another: some 100 ms of CPU. */
const GROWTH_BYTES = 16 * 1024 * 1024;

export interface IdleMemoryDeps {
  readonly clock: Clock;
  /** Bytes that V8 has from the operating system. */
  readonly heapTotal: () => number;
  /** Share of the time since the last call in which the event loop was busy, 0 to 1. */
  readonly busy: () => number;
  /** Collects all garbage and gives free pages back. */
  readonly collect: () => void;
}

/**
 * Gives memory back to the node after the start and after a burst of reviews, until the signal.
 *
 * V8 does not do so by itself: its memory reducer waits for allocations to become rare, which it measures at collections,
 * and an idle injector makes none. Freed pages stay in a pool that only a last-resort collection empties.
 */
export async function returnIdleMemory(
  { clock, heapTotal, busy, collect }: IdleMemoryDeps,
  signal: AbortSignal,
): Promise<void> {
  let kept = 0;
  busy();
  for (;;) {
    await clock.sleep(INTERVAL_MS, signal);
    if (signal.aborted) return;
    if (busy() > IDLE || heapTotal() < kept + GROWTH_BYTES) continue;
    collect();
    kept = heapTotal();
  }
}

/** The process that this runs in. */
export function processMemory(): Omit<IdleMemoryDeps, "clock"> {
  let last: EventLoopUtilization | undefined;
  return {
    heapTotal: () => process.memoryUsage().heapTotal,
    busy: () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, last);
      last = now;
      return utilization;
    },
    collect: collectGarbage,
  };
}
