import { isExpired, type Credentials } from "../sts/credentials.ts";
import type { Issue } from "../sts/chain.ts";
import { IssueError, type FailureKind } from "../sts/issue-error.ts";
import { createSessionStore } from "./session-store.ts";
import type { Clock } from "../kit/clock.ts";
import { coded, CodedError, oneLine } from "../kit/errors.ts";
import { within } from "../kit/within.ts";
import { REFUSALS_OF_A_START, refreshAt, retryDelayMs, sleepUntil, type Random } from "./schedule.ts";

export interface EngineDeps {
  readonly issue: Issue;
  readonly clock: Clock;
  readonly random: Random;
  readonly onIssued?: (credentials: Credentials) => void;
  readonly onFailure?: (failure: IssueError, retryInMs: number) => void;
}

export interface Engine {
  /**
   * Credentials from memory; if there are none, from the attempt in flight, waiting {@link PATIENCE_MS} at most.
   * @throws IssueError a definite refusal by STS, with STS's own code
   * @throws CodedError `CREDENTIALS_NOT_READY` for any other reason
   */
  readonly get: () => Promise<Credentials>;
  /** The session in memory, unless it has expired. */
  readonly current: () => Credentials | undefined;
  /** Undefined while there is a session, else why there is none: the last failure, or `CREDENTIALS_NOT_READY` before any. */
  readonly problem: () => CodedError | undefined;
  /** Resolves with the first session. Rejects when STS has refused it for ten seconds; the engine goes on all the same. */
  readonly firstSession: Promise<void>;
  /** Fetches at once and renews from then on. STS is not called before. */
  readonly start: () => void;
  readonly stop: () => void;
}

/** Several SDKs give up a read after one second, so an answer has to come before that. */
export const PATIENCE_MS = 800;

/**
 * Holds one session and renews it. A single loop calls `issue`, so any number of callers cause one call. The session is
 * served until it truly expires, whatever STS answers and however the wall clock is set meanwhile. Only the broker can end it earlier.
 */
export function createEngine({ issue, clock, random, onIssued, onFailure }: EngineDeps): Engine {
  const stopping = new AbortController();
  const first = Promise.withResolvers<void>();
  // Avoids an unhandled rejection where nobody waits for the first session.
  first.promise.catch(() => undefined);
  const store = createSessionStore(clock);
  const { current } = store;
  let failure: IssueError | undefined;
  // Counted by kind since the last success: otherwise an STS that mixes throttling with 503s would be called too often.
  const failures = new Map<FailureKind, number>();
  let inFlight: Promise<void> | undefined;

  const attempt = async (): Promise<void> => {
    try {
      store.put(notExpired(await within(issue(), ATTEMPT_LIMIT_MS, clock, timedOut), clock.now()));
      failure = undefined;
      first.resolve();
    } catch (error) {
      failure = issueError(error);
      if (failure.endsSession) store.drop();
    }
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      inFlight = attempt();
      await inFlight;
      inFlight = undefined;
      await sleepUntil(clock, nextAttemptAt(), stopping.signal);
    }
  };

  /** Reports the outcome. @returns when to try next, in milliseconds since the epoch */
  const nextAttemptAt = (): number => {
    const now = clock.now();
    if (failure !== undefined) {
      const count = (failures.get(failure.kind) ?? 0) + 1;
      failures.set(failure.kind, count);
      const delayMs = retryDelayMs(failure.kind, count, random);
      onFailure?.(failure, delayMs);
      if (failure.kind === "definite" && count === REFUSALS_OF_A_START) first.reject(failure);
      return now + delayMs;
    }
    failures.clear();
    const credentials = current();
    if (credentials !== undefined) onIssued?.(credentials);
    return refreshAt(now, credentials?.expiresAt ?? now, random);
  };

  const get = async (): Promise<Credentials> => {
    const inMemory = current();
    if (inMemory !== undefined) return inMemory;
    if (inFlight !== undefined) await waitBriefly(inFlight, clock);
    const fetched = current();
    if (fetched !== undefined) return fetched;
    throw failure?.kind === "definite" ? failure : notReady(failure);
  };

  return {
    get,
    current,
    problem: () => (current() === undefined ? (failure ?? notReady(undefined)) : undefined),
    firstSession: first.promise,
    start: () => void run(),
    stop: () => stopping.abort(),
  };
}

async function waitBriefly(work: Promise<void>, clock: Clock): Promise<void> {
  const done = new AbortController();
  await Promise.race([work, clock.sleep(PATIENCE_MS, done.signal)]);
  done.abort();
}

/**
 * Each call has its own, shorter time-out. This one is for the rest, such as a file on a volume that hangs. It is shorter
 * than the default time-out of a start, so that this can name it.
 */
const ATTEMPT_LIMIT_MS = 25_000;

const timedOut = (): IssueError =>
  new IssueError("ATTEMPT_TIMED_OUT", `The attempt did not end within ${ATTEMPT_LIMIT_MS / 1000} s.`, {
    kind: "passing",
  });

/** Refuses a session that is over by this node's clock when it arrives: no SDK would use it. */
function notExpired(credentials: Credentials, nowMs: number): Credentials {
  if (!isExpired(credentials, nowMs)) return credentials;
  throw new IssueError("CREDENTIALS_EXPIRED_ON_ARRIVAL", "STS sent credentials that have already expired.", {
    kind: "passing",
    remedy: "Set the node's clock: it is ahead of AWS's.",
  });
}

function issueError(thrown: unknown): IssueError {
  if (thrown instanceof IssueError) return thrown;
  const { code, message } = coded(thrown);
  return new IssueError(code, message, { kind: "passing" });
}

function notReady(failure: IssueError | undefined): CodedError {
  const why = failure === undefined ? "the first call to STS is under way." : oneLine(failure);
  return new CodedError("CREDENTIALS_NOT_READY", `No credentials yet: ${why}`);
}
