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

/** A role that is just being created exists within seconds; one that nobody creates is asked for 12 times an hour. */
const DEFINITE_MS = [20_000, 60_000, 180_000, 300_000] as const;

/**
 * How long to wait after a failure. In an hour of failures of one kind, an identity makes 34 to 64 attempts if STS
 * throttles and 12 to 19 if it refuses. In an outage it makes about 250; of a million simulated outages, none reached
 * 300. An attempt is one call for each step up to the one that fails.
 * @param failures failures of this kind since the last success, 1 or more
 */
export function retryDelayMs(kind: FailureKind, failures: number, random: Random): number {
  const doublings = Math.min(failures - 1, 16);
  // Full jitter spreads many pods best. The floor keeps a small random number from making a busy loop.
  if (kind === "passing") return Math.max(100, random() * Math.min(30_000, 500 * 2 ** doublings));
  if (kind === "definite") return (DEFINITE_MS[failures - 1] ?? DEFINITE_MS[3]) * (0.75 + 0.5 * random());
  const capMs = Math.min(120_000, 4000 * 2 ** doublings);
  return capMs / 2 + (random() * capMs) / 2;
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
