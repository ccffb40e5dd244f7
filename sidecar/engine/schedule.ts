import type { FailureKind } from "../sts/issue-error.ts";
import type { Clock } from "../kit/clock.ts";

/** From 0 (inclusive) to 1 (exclusive): `Math.random`, or a test's. */
export type Random = () => number;

const RESERVE_MS = 20 * 60_000;
/** AWS grants at least 15 minutes. An endpoint that grants seconds must not be called in a busy loop. */
const SOONEST_MS = 1000;

/**
 * When to renew a session: after two thirds of its life, and at least 20 minutes before its end, since botocore and Java
 * fetch before every single call once less than 15 are left. A session too short for that is renewed half-way. Up to 15 %
 * earlier by chance, so that pods which started together do not keep calling STS together.
 * @returns milliseconds since the epoch
 */
export function refreshAt(issuedAt: number, expiresAt: number, random: Random): number {
  const lifetimeMs = Math.max(0, expiresAt - issuedAt);
  const latestMs = lifetimeMs - Math.min(RESERVE_MS, lifetimeMs / 2);
  return issuedAt + Math.max(SOONEST_MS, Math.min((lifetimeMs * 2) / 3, latestMs) * (1 - 0.15 * random()));
}

/**
 * IAM is eventually consistent: a role that is just being created is refused for some seconds. These add up to ten seconds,
 * and chance only lengthens them, so that {@link REFUSALS_OF_A_START} refusals take ten seconds at least.
 */
const QUICK_MS = [1000, 2000, 3000, 4000] as const;
/** A role that nobody creates is then asked for 12 times an hour. */
const SLOW_MS = [20_000, 60_000, 180_000] as const;
const SLOWEST_MS = 300_000;

/** So many refusals, without a session before, are a refusal that lasts: see `start.ts`. They take 10 to 12 seconds. */
export const REFUSALS_OF_A_START = QUICK_MS.length + 1;

/**
 * How long to wait after a failure. In an hour of failures of one kind, an identity makes 34 to 64 attempts if STS
 * throttles and 16 to 23 if it refuses. In an outage it makes about 250; of a million simulated outages, none reached
 * 300. An attempt is one call for each step up to the one that fails.
 *
 * A pod that waits to start makes five attempts at a refused role and ends. By the kubelet's back-off that is at most 85
 * attempts in the first hour and 60 in each that follows.
 * @param failures failures of this kind since the last success, 1 or more
 */
export function retryDelayMs(kind: FailureKind, failures: number, random: Random): number {
  const doublings = Math.min(failures - 1, 16);
  // Full jitter spreads many pods best. The floor keeps a small random number from making a busy loop.
  if (kind === "passing") return Math.max(100, random() * Math.min(30_000, 500 * 2 ** doublings));
  if (kind === "definite") return refusedDelayMs(failures, random);
  const capMs = Math.min(120_000, 4000 * 2 ** doublings);
  return capMs / 2 + (random() * capMs) / 2;
}

function refusedDelayMs(failures: number, random: Random): number {
  const quickMs = QUICK_MS[failures - 1];
  if (quickMs !== undefined) return quickMs * (1 + 0.2 * random());
  return (SLOW_MS[failures - REFUSALS_OF_A_START] ?? SLOWEST_MS) * (0.75 + 0.5 * random());
}

/** Timers stop while a machine sleeps or a container is frozen; the wall clock, by which credentials end, does not. */
const SLICE_MS = 10_000;
/** More than time synchronisation takes back by slowing the clock. */
const BACKWARDS_MS = 5000;

/** Sleeps until the wall clock shows `at`, the clock is set back, or the signal aborts. */
export async function sleepUntil(clock: Clock, at: number, signal: AbortSignal): Promise<void> {
  let before = clock.now();
  while (!signal.aborted && before < at) {
    await clock.sleep(Math.min(SLICE_MS, at - before), signal);
    const now = clock.now();
    if (now < before - BACKWARDS_MS) return;
    before = now;
  }
}
