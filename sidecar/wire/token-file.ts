import { createHash } from "node:crypto";
import type { Clock } from "../kit/clock.ts";
import { CodedError, errorName, isShortage } from "../kit/errors.ts";

/** The token that an identity's containers read from a file, as the sidecar sees it in the same volume. */
export interface TokenFile {
  /** SHA-256 of each token that gives access now: the file's, and for a minute the one that it replaced. */
  readonly digests: () => readonly Buffer[];
  /** Resolves after a read that began after the call, with false if too many wait for one already. Never rejects. */
  readonly reread: () => Promise<boolean>;
  /** `APP_TOKEN_UNREADABLE` while the file holds no token. It then gives access to nobody. */
  readonly problem: () => CodedError | undefined;
  /** Resolves when the file holds a token for the first time. */
  readonly firstToken: Promise<void>;
  readonly start: () => void;
  readonly stop: () => void;
}

export interface TokenFileDeps {
  readonly path: string;
  /** @throws Error */
  readonly read: (path: string) => Promise<Buffer>;
  readonly clock: Clock;
  readonly onRotation?: () => void;
  readonly onChange?: (problem: CodedError | undefined) => void;
}

/** How often the sidecar looks for a new token that nobody has sent yet, and how often while there is none. */
const INTERVAL_MS = 60_000;
const INTERVAL_CLOSED_MS = 1000;
/** Of two reads, so that wrong tokens cannot keep the disk busy. SDKs wait a second for an answer. */
const PAUSE_MS = 100;
/** So that senders of wrong tokens, who would all wait, cannot hold every connection of the sidecar. */
const WAITING_MAX = 64;
/** A client may have read the file before the kubelet replaced it. */
const GRACE_MS = 60_000;

interface State {
  readonly token: Buffer | undefined;
  readonly before: { readonly token: Buffer; readonly until: number } | undefined;
  readonly problem: CodedError | undefined;
}

/**
 * Reads the file once a minute, and when somebody sends an unknown token: the client may have seen a new token first. One
 * read at a time, and all who wait share the next one.
 */
export function watchTokenFile({ path, read, clock, onRotation, onChange }: TokenFileDeps): TokenFile {
  const stopping = new AbortController();
  let later = new AbortController();
  const first = Promise.withResolvers<void>();
  let state: State = { token: undefined, before: undefined, problem: closed(path, "has not been read") };
  let reading = Promise.resolve();
  let next: Promise<void> | undefined;
  let pauseEnds = -Infinity;
  let waiting = 0;

  const look = async (): Promise<void> => {
    const earlier = state;
    state = await stateAfter(earlier, path, read, clock);
    pauseEnds = clock.elapsed() + PAUSE_MS;
    if (state.token !== undefined) first.resolve();
    if (state.before !== earlier.before && state.before !== undefined) onRotation?.();
    if (state.problem?.message !== earlier.problem?.message) onChange?.(state.problem);
    // The next look is counted from this one, which a request may have caused.
    later.abort();
    if (stopping.signal.aborted) return;
    later = new AbortController();
    void lookLater(later.signal);
  };
  const lookLater = async (signal: AbortSignal): Promise<void> => {
    await clock.sleep(state.token === undefined ? INTERVAL_CLOSED_MS : INTERVAL_MS, signal);
    if (!signal.aborted) await (next ??= lookNext());
  };
  const lookNext = async (): Promise<void> => {
    await reading;
    if (pauseEnds > clock.elapsed()) await clock.sleep(pauseEnds - clock.elapsed(), stopping.signal);
    // Whoever comes from now on needs another read: this one may already have opened the file.
    next = undefined;
    reading = look();
    await reading;
  };
  const reread = async (): Promise<boolean> => {
    if (waiting >= WAITING_MAX) return false;
    waiting += 1;
    await (next ??= lookNext());
    waiting -= 1;
    return true;
  };

  return {
    digests: () => {
      const { token, before } = state;
      const late = before !== undefined && clock.elapsed() < before.until ? [before.token] : [];
      return token === undefined ? [] : [token, ...late];
    },
    reread,
    problem: () => state.problem,
    firstToken: first.promise,
    start: () => void reread(),
    stop: () => {
      stopping.abort();
      later.abort();
    },
  };
}

async function stateAfter(
  { token: earlier, before, problem }: State,
  path: string,
  read: TokenFileDeps["read"],
  clock: Clock,
): Promise<State> {
  try {
    const token = digestOf(await read(path));
    if (token === undefined) return { token, before: undefined, problem: closed(path, "is empty") };
    if (earlier === undefined || earlier.equals(token)) return { token, before, problem: undefined };
    const replaced = { token: earlier, until: clock.elapsed() + GRACE_MS };
    return { token, before: replaced, problem: undefined };
  } catch (error) {
    const code = errorName(error);
    // That says nothing about the file. Otherwise a flood of connections could close it.
    if (isShortage(code)) return { token: earlier, before, problem };
    return { token: undefined, before: undefined, problem: closed(path, `cannot be read (${code})`) };
  }
}

/** Without the white space around it, which some SDKs cut off and no header's value can have. */
function digestOf(content: Buffer): Buffer | undefined {
  // latin1 keeps each byte, and Node decodes headers in the same way.
  const token = content.toString("latin1").trim();
  return token === "" ? undefined : createHash("sha256").update(token, "latin1").digest();
}

const closed = (path: string, problem: string): CodedError =>
  new CodedError("APP_TOKEN_UNREADABLE", `The app's token file ${path} ${problem}.`, {
    remedy:
      "See whether the pod still has its podrole-identity volumes; the kubelet writes the file before any container starts.",
  });
