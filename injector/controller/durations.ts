/** How long certificates last and how long a change of CA takes. Milliseconds. */
export interface Durations {
  readonly caMs: number;
  readonly servingMs: number;
  /** From a new CA in the caBundle to the first certificate signed by it. */
  readonly settleMs: number;
  /** The same where the CA in use is lost, and new replicas have no certificate to serve until then. */
  readonly lostMs: number;
  /** From the first certificate by the new CA to the removal of the old CA. */
  readonly overlapMs: number;
  /** Between two looks. */
  readonly intervalMs: number;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export const DURATIONS: Durations = {
  // Each is renewed when two thirds of its life are over: a serving certificate every 20 days with 10 left, so that a
  // cluster that was paused for a week wakes up with a valid one; a CA every 8 months with 4 left.
  caMs: 365 * DAY_MS,
  servingMs: 30 * DAY_MS,
  // An API server hears of a changed webhook configuration by a watch: 8 to 21 ms after the patch (measured on 1.36, one
  // API server). The rest is for API servers that are behind, and for a GitOps tool that may undo the patch meanwhile.
  settleMs: 2 * MINUTE_MS,
  lostMs: 30 * SECOND_MS,
  // Replicas load a new certificate within 10 s. One that cannot reach the API server keeps its old one; for an hour,
  // API servers still trust it.
  overlapMs: HOUR_MS,
  intervalMs: 10 * SECOND_MS,
};

/** How long the broker's certificates last and how its CA changes. Milliseconds. */
export interface BrokerDurations extends Pick<Durations, "caMs" | "servingMs" | "intervalMs"> {
  /** The next CA signs from this time before the end of the CA in use. */
  readonly changeMs: number;
  /** A certificate by a CA whose key is gone, or that has been replaced, is served until this time before its end. */
  readonly lastMs: number;
  /** For how long a clock must have asked for another CA. A clock that is set wrong is usually set right sooner. */
  readonly confirmMs: number;
}

export const BROKER_DURATIONS: BrokerDurations = {
  // A pod trusts the CAs that were written into it when it was made, for as long as it lives. The next CA is written beside the
  // first from two thirds of its life on, so a pod may live for three years.
  caMs: 3650 * DAY_MS,
  servingMs: 30 * DAY_MS,
  changeMs: 60 * DAY_MS,
  lastMs: DAY_MS,
  confirmMs: HOUR_MS,
  intervalMs: 10 * SECOND_MS,
};
