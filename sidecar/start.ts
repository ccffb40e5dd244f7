import type { Clock } from "./kit/clock.ts";
import type { CodedError } from "./kit/errors.ts";

/** One of the things that a pod's start waits for: the guard's proof, an app's token, a session. */
export interface Needed {
  /** Resolves when it is there for the first time. Rejects when it is not worth waiting for any longer. */
  readonly first: Promise<void>;
  /** Undefined while it is there, else why it is not. */
  readonly problem: () => CodedError | undefined;
}

export interface StartDeps {
  readonly timeoutMs: number;
  readonly clock: Pick<Clock, "sleep">;
  /** Ends the waiting, without an error. */
  readonly signal: AbortSignal;
}

/**
 * Waits until everything is there for the first time. While a start waits, the kubelet shows nothing of it: it updates no
 * status and gives out no log. So it does not wait for long, and ends with the reason. The kubelet then shows that, and
 * starts the container again.
 *
 * A refusal by STS that lasts for ten seconds ends the start (IAM is eventually consistent, so the first ones do not),
 * whichever identity it is about. Everything else may pass, and ends it when the time-out passes: an outage, throttling, a
 * token that is missing, a metadata service within reach.
 * @throws CodedError the reason: of several, that of the first in the list
 */
export async function waitForStart(
  needed: readonly Needed[],
  { timeoutMs, clock, signal }: StartDeps,
): Promise<void> {
  const timeout = clock.sleep(timeoutMs, signal).then(() => {
    const reason = signal.aborted ? undefined : problemOf(needed);
    if (reason !== undefined) throw reason;
  });
  await Promise.race([Promise.all(needed.map(({ first }) => first)), timeout]);
}

/** The first problem in the list. */
export const problemOf = (needed: readonly Pick<Needed, "problem">[]): CodedError | undefined =>
  needed.map((one) => one.problem()).find((found) => found !== undefined);
