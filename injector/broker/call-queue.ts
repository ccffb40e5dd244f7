import type { Clock } from "../../sidecar/kit/clock.ts";
import { BusyError } from "./busy.ts";
import type { CallBudget } from "./call-budget.ts";

/** Lets work that calls STS run in turn. */
export interface CallQueue {
  /**
   * Runs the work when it is its namespace's turn.
   * @throws BusyError when too many wait; whatever the work throws
   */
  readonly run: <T>(namespace: string, work: () => Promise<T>) => Promise<T>;
  /** How many wait. */
  readonly length: () => number;
  /** How long somebody who comes now will wait, roughly. */
  readonly waitMs: () => number;
}

export interface CallQueueOptions {
  readonly budget: CallBudget;
  readonly clock: Pick<Clock, "sleep">;
  /** How many run at a time. Default 64. */
  readonly atOnce?: number;
  /** How many wait at most. Default 20 000: twice what one broker is made for. */
  readonly most?: number;
}

/**
 * The namespaces take turns, whatever the number of their pods. None has more than half of the places, neither of those that run nor of
 * those that wait: a namespace may choose a region that does not answer, and each of its calls then lasts for seconds.
 */
export function callQueue({ budget, clock, atOnce = 64, most = 20_000 }: CallQueueOptions): CallQueue {
  /** In the order of their turns. */
  const waiting = new Map<string, (() => void)[]>();
  const running = new Map<string, number>();
  let [waits, runs] = [0, 0];
  let isPaused = false;

  /** Takes the next that may run out of the line, and moves its namespace to the end. */
  const next = (): (() => void) | undefined => {
    for (const [namespace, line] of waiting) {
      if ((running.get(namespace) ?? 0) >= atOnce / 2) continue;
      const start = line.shift();
      waiting.delete(namespace);
      if (line.length > 0) waiting.set(namespace, line);
      return start;
    }
    return undefined;
  };
  const mayStart = (): boolean => !isPaused && waits > 0 && runs < atOnce;
  const startNext = (): void => {
    while (mayStart()) {
      const pauseMs = budget.waitMs();
      const start = pauseMs > 0 ? pause(pauseMs) : next();
      if (start === undefined) return;
      waits -= 1;
      budget.spend();
      start();
    }
  };
  const pause = (ms: number): undefined => {
    isPaused = true;
    void clock.sleep(ms).then(() => {
      isPaused = false;
      startNext();
    });
    return undefined;
  };
  const changeRunning = (namespace: string, by: 1 | -1): void => {
    runs += by;
    const left = (running.get(namespace) ?? 0) + by;
    if (left > 0) running.set(namespace, left);
    else running.delete(namespace);
  };
  const waitMs = (): number => (waits / budget.callsPerSecond()) * 1000;

  const takeTurn = (namespace: string): Promise<void> => {
    const line = waiting.get(namespace) ?? [];
    if (waits >= most || line.length >= most / 2) throw tooMany(waits, waitMs());
    const { promise, resolve } = Promise.withResolvers<void>();
    line.push(() => {
      changeRunning(namespace, 1);
      resolve();
    });
    waiting.set(namespace, line);
    waits += 1;
    startNext();
    return promise;
  };
  return {
    length: () => waits,
    waitMs,
    run: async (namespace, work) => {
      await takeTurn(namespace);
      try {
        return await work();
      } finally {
        changeRunning(namespace, -1);
        startNext();
      }
    },
  };
}

const tooMany = (waits: number, waitMs: number): BusyError =>
  new BusyError(
    `${waits} sessions wait to be made already.`,
    "Nothing to do: the sidecar tries again. If this happens often, ask a cluster admin for more replicas of the broker, or for more calls to STS (--sts-calls-per-second).",
    waitMs,
  );
