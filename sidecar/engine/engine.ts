import { isExpired, type Credentials } from "../sts/credentials.ts";
import type { Issue } from "../sts/chain.ts";
import { IssueError, type FailureKind } from "../sts/issue-error.ts";
import { held as heldBy } from "./session-store.ts";
import type { Clock } from "../kit/clock.ts";
import { coded, CodedError, oneLine } from "../kit/errors.ts";
import { refreshAt, retryDelayMs, sleepUntil, type Random } from "./schedule.ts";

export interface EngineDeps {
  readonly issue: Issue;
  readonly clock: Clock;
  readonly random: Random;
  readonly onIssued?: (credentials: Credentials) => void;
  readonly onFailure?: (failure: IssueError, retryInMs: number) => void;
}

export interface Engine {
  /**
   * From memory; with nothing in memory, from the attempt in flight, but never after more than {@link PATIENCE_MS}.
   * @throws IssueError a definite refusal by STS, under STS's own code
   * @throws CodedError `CREDENTIALS_NOT_READY` whatever else stands in the way
   */
  readonly get: () => Promise<Credentials>;
  /** What is held and has not expired. */
  readonly held: () => Credentials | undefined;
  /** Undefined while credentials are held, else why not: the last failure, or `CREDENTIALS_NOT_READY` before any. */
  readonly obstacle: () => CodedError | undefined;
  /** Resolves once credentials were held for the first time. */
  readonly firstHeld: Promise<void>;
  /** Fetches at once, and then for ever. Before that, nothing is held and nobody is asked. */
  readonly start: () => void;
  readonly stop: () => void;
}

/** Several SDKs give up a read after one second, and an answer is better than none. */
export const PATIENCE_MS = 800;

/**
 * Holds one session and renews it. There is a single loop that calls `issue`, so any number of callers make one call.
 * What is held is served until it truly expires, whatever STS says and whoever sets the wall clock meanwhile.
 */
export function createEngine({ issue, clock, random, onIssued, onFailure }: EngineDeps): Engine {
  const stopping = new AbortController();
  const first = Promise.withResolvers<void>();
  const memory = heldBy(clock);
  const held = memory.current;
  let failure: IssueError | undefined;
  // By kind, and since the last success: an STS that mixes throttling with 503s would else never be left alone for long.
  const failures = new Map<FailureKind, number>();
  let inFlight: Promise<void> | undefined;

  const attempt = async (): Promise<void> => {
    try {
      memory.put(notExpired(await withinLimit(issue(), clock), clock.now()));
      failure = undefined;
      first.resolve();
    } catch (error) {
      failure = issueError(error);
    }
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      inFlight = attempt();
      await inFlight;
      inFlight = undefined;
      await sleepUntil(clock, announced(), stopping.signal);
    }
  };

  /** @returns when to try next, in milliseconds since the epoch */
  const announced = (): number => {
    const now = clock.now();
    if (failure !== undefined) {
      const count = (failures.get(failure.kind) ?? 0) + 1;
      failures.set(failure.kind, count);
      const delayMs = retryDelayMs(failure.kind, count, random);
      onFailure?.(failure, delayMs);
      return now + delayMs;
    }
    failures.clear();
    const credentials = held();
    if (credentials !== undefined) onIssued?.(credentials);
    return refreshAt(now, credentials?.expiresAt ?? now, random);
  };

  const get = async (): Promise<Credentials> => {
    const inMemory = held();
    if (inMemory !== undefined) return inMemory;
    if (inFlight !== undefined) await patiently(inFlight, clock);
    const fetched = held();
    if (fetched !== undefined) return fetched;
    throw failure?.kind === "definite" ? failure : notReady(failure);
  };

  return {
    get,
    held,
    obstacle: () => (held() === undefined ? (failure ?? notReady(undefined)) : undefined),
    firstHeld: first.promise,
    start: () => void run(),
    stop: () => stopping.abort(),
  };
}

async function patiently(work: Promise<void>, clock: Clock): Promise<void> {
  const done = new AbortController();
  await Promise.race([work, clock.sleep(PATIENCE_MS, done.signal)]);
  done.abort();
}

/** Each call has its own, shorter time-out; this is for what has none, such as a file on a volume that hangs. */
const ATTEMPT_LIMIT_MS = 30_000;

async function withinLimit<T>(work: Promise<T>, clock: Clock): Promise<T> {
  const done = new AbortController();
  const limit = clock.sleep(ATTEMPT_LIMIT_MS, done.signal).then(() => {
    throw new IssueError("ATTEMPT_TIMED_OUT", `There was no outcome within ${ATTEMPT_LIMIT_MS / 1000} s.`, {
      kind: "passing",
    });
  });
  limit.catch(() => undefined);
  try {
    return await Promise.race([work, limit]);
  } finally {
    done.abort();
  }
}

/** A refusal of what was never good: by this node's clock it is over before it begins, and no SDK would use it. */
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
