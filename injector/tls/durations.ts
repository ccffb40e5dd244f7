/** How long certificates last and how long a change of CA takes. Milliseconds. */
export interface Durations {
  readonly caMs: number;
  readonly servingMs: number;
  /** From a new CA in the bundles to the first certificate by it. */
  readonly settleMs: number;
  /** From there to the old CA's leave. */
  readonly overlapMs: number;
  /** Between two looks. */
  readonly intervalMs: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export const DURATIONS: Durations = {
  // Each is renewed when two thirds are over: a serving certificate every 20 days with 10 to spare, so that a cluster
  // which was paused for a week wakes up with one that holds; a CA every 8 months with 4 to spare.
  caMs: 365 * DAY_MS,
  servingMs: 30 * DAY_MS,
  // An API server hears of a changed webhook configuration by a watch: 8 to 21 ms after the patch (measured on 1.36, one
  // API server). The rest is for those of several that are behind, and for a GitOps tool that may undo it meanwhile.
  settleMs: 2 * MINUTE_MS,
  // Replicas take up a new certificate within 10 s. One that cannot reach the API server goes on with its old one; an
  // hour is how long such a state can be borne before somebody ends it.
  overlapMs: HOUR_MS,
  intervalMs: 10_000,
};
