import type { Clock } from "../../sidecar/kit/clock.ts";

/** How many calls a second this replica makes to STS. */
export interface CallBudget {
  /** Milliseconds until the next call may be made; 0 if it may be now. */
  readonly waitMs: () => number;
  /** Counts a call that is made now. The later calls of one session are not held up, so it may be beyond the budget. */
  readonly spend: () => void;
  /** STS has throttled a call. */
  readonly throttled: () => void;
  /** The rate of now. */
  readonly callsPerSecond: () => number;
}

/** The share of a second's calls that may be made at once after a pause. */
const BURST = 0.25;
/** Time from nothing to the full rate, if STS throttles no more. */
const RECOVERY_S = 60;
const SLOWEST = 1;
/** The calls in flight when the rate is halved were made at the rate before, and say nothing about the new one. */
const HALVED_ONCE_IN_MS = 1000;

/**
 * A token bucket. Its rate is halved when STS throttles, and grows back steadily: STS has one quota for an account and region, of
 * which others take what they take, and which nobody can be asked for.
 */
export function callBudget(most: number, { elapsed }: Pick<Clock, "elapsed">): CallBudget {
  let rate = most;
  let tokens = Math.max(1, rate * BURST);
  let countedAt = elapsed();
  let halvedAt = Number.NEGATIVE_INFINITY;

  const count = (): void => {
    const now = elapsed();
    const seconds = (now - countedAt) / 1000;
    countedAt = now;
    rate = Math.min(most, rate + (most / RECOVERY_S) * seconds);
    tokens = Math.min(Math.max(1, rate * BURST), tokens + rate * seconds);
  };
  return {
    waitMs: () => {
      count();
      return tokens >= 1 ? 0 : Math.ceil(((1 - tokens) / rate) * 1000);
    },
    spend: () => {
      count();
      tokens -= 1;
    },
    throttled: () => {
      count();
      const now = elapsed();
      if (now - halvedAt < HALVED_ONCE_IN_MS) return;
      halvedAt = now;
      rate = Math.max(SLOWEST, rate / 2);
      tokens = Math.min(tokens, 0);
    },
    callsPerSecond: () => (count(), rate),
  };
}
