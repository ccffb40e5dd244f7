import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import { AnswerTooLong } from "./body.ts";
import { Refusal, whyOf, type ApiServer } from "./api-server.ts";
import { eventOf, pageOf, versionOf, type Page } from "./list-watch.ts";
import type { Fields } from "../model/read.ts";
import { store, type Store } from "./store.ts";

/** A kind of object to follow, and the part of each object to keep. */
export interface Kind<T> {
  /** As in the API's paths, for log lines. */
  readonly resource: string;
  readonly path: string;
  /** Of the objects of this path, the one with this name alone. */
  readonly name?: string;
  /** Of the objects of this path, those with this label alone: `key=value`. */
  readonly label?: string;
  readonly cut: (object: Fields) => T;
  readonly onChange?: (value: T) => void;
  /** Called after each list. */
  readonly onListed?: () => void;
  /** Called when a watch tells of an object that is gone. */
  readonly onRemoved?: () => void;
  /** Whether the installation may lack this CRD: then there are no objects of this kind. */
  readonly optional?: boolean;
}

/** All objects of one kind, as the API server last reported them. */
export interface Informer<T> extends Pick<Store<T>, "get" | "values" | "version" | "size"> {
  readonly resource: string;
  /** Whether everything has been read once. Stays true: what was read stays in use while the API server is away. */
  listed(): boolean;
  /** Why it is not followed at the moment, or undefined. */
  problem(): string | undefined;
  /** When the API server last sent anything about it, in milliseconds since the epoch; before that, when it was made. */
  heardAt(): number;
  /** Follows until the signal; never rejects. Run again, it begins with a list. */
  run(signal: AbortSignal): Promise<void>;
}

export interface InformerDeps {
  readonly api: ApiServer;
  readonly log: Log;
  readonly clock: Clock;
  /** Other times than the usual, for tests. */
  readonly timing?: Partial<Timing>;
}

/** Milliseconds. */
export interface Timing {
  /** For one page of a list. */
  readonly listMs: number;
  /** A watch that brings nothing for so long is considered dead. */
  readonly silenceMs: number;
  readonly firstPauseMs: number;
  readonly lastPauseMs: number;
  /** How often an absent CRD is looked for. */
  readonly absentMs: number;
}

const TIMING: Timing = {
  listMs: 30_000,
  // The API server sends a bookmark a minute where nothing else happens, the first after two (measured on 1.36).
  silenceMs: 150_000,
  firstPauseMs: 1000,
  lastPauseMs: 30_000,
  absentMs: 30_000,
};
/** Objects in a page of a list: about a megabyte of JSON, some ten milliseconds of the event loop. */
const PAGE = 500;
/** After which the API server ends a watch by itself, so that watches spread over its replicas again. */
const WATCH_SECONDS = 600;
const ABSENT = "there is no such resource";

/**
 * Lists, then watches, and lists again when the watch cannot be taken up where it ended.
 *
 * Not the library's ListWatch: it keeps every object whole, asks for a list in one piece, stops for good at the first
 * error other than 410, waits for a list without limit, and swallows what its callbacks throw.
 */
export function informer<T>(kind: Kind<T>, { api, log, clock, timing }: InformerDeps): Informer<T> {
  const { listMs, silenceMs, firstPauseMs, lastPauseMs, absentMs } = { ...TIMING, ...timing };
  const held = store(kind.cut, kind.onChange);
  const { resource, name, label } = kind;
  const only = [
    name === undefined ? "" : `&fieldSelector=metadata.name%3D${name}`,
    label === undefined ? "" : `&labelSelector=${encodeURIComponent(label)}`,
  ].join("");
  let listed = false;
  let heardAt = clock.now();
  let state: string | undefined = "it has not been read yet";

  /** Logs each change of state once, not each attempt. */
  const enter = (next: string | undefined, said = ""): void => {
    if (next === state) return;
    state = next;
    if (next === undefined) log.info({ resource, count: held.size() }, "watch started");
    else if (next === ABSENT) log.info({ resource }, "not installed");
    else log.warn({ resource, why: next, said, stale: listed }, "watch failed");
  };

  /** @returns where a watch goes on from */
  const list = async (signal: AbortSignal): Promise<string> => {
    const fresh = held.replacement();
    let next: string | undefined;
    let limit = PAGE;
    for (;;) {
      const resume = next === undefined ? "" : `&continue=${encodeURIComponent(next)}`;
      let page: Page;
      try {
        page = pageOf(await api.get(`${kind.path}?limit=${limit}${only}${resume}`, listMs, signal));
      } catch (error) {
        if (!(error instanceof AnswerTooLong) || limit === 1) throw error;
        limit = Math.ceil(limit / 8);
        continue;
      }
      signal.throwIfAborted();
      heardAt = clock.now();
      for (const item of page.items) fresh.add(item);
      next = page.next;
      if (next !== undefined) continue;
      fresh.commit();
      listed = true;
      kind.onListed?.();
      return page.resourceVersion;
    }
  };

  /** Follows one watch to its end. @returns where the next one goes on */
  const watch = async (from: string, signal: AbortSignal): Promise<string> => {
    const query = `watch=true&allowWatchBookmarks=true&timeoutSeconds=${WATCH_SECONDS}`;
    const path = `${kind.path}?${query}${only}&resourceVersion=${encodeURIComponent(from)}`;
    const lines = await api.lines(path, silenceMs, signal);
    enter(undefined);
    heardAt = clock.now();
    let at = from;
    for await (const line of lines) {
      heardAt = clock.now();
      const { type, object } = eventOf(line);
      if (type === "ADDED" || type === "MODIFIED") held.put(object);
      else if (type === "DELETED") {
        held.remove(object);
        kind.onRemoved?.();
      }
      at = versionOf(object);
    }
    return at;
  };

  /** @returns how long to wait before it is listed again */
  const failed = (error: unknown, failures: number, listing: boolean): number => {
    const refusal = error instanceof Refusal ? error : undefined;
    if (listing && kind.optional === true && refusal?.status === 404) {
      // The first 404 removes nothing: an API server that is starting may not know the CRD yet, and without the Deny
      // grants their roles would be allowed.
      if (!listed || state === ABSENT) held.replacement().commit();
      listed = true;
      heardAt = clock.now();
      enter(ABSENT);
      return absentMs;
    }
    // 410 is usual: the API server remembers changes for some minutes only, and a list brings what was missed.
    if (refusal?.status !== 410) enter(whyOf(error), refusal?.said);
    return pauseMs(failures, firstPauseMs, lastPauseMs);
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    let from: string | undefined;
    let failures = 0;
    while (!signal.aborted) {
      let wait = 0;
      try {
        from ??= await list(signal);
        const openedAt = clock.now();
        from = await watch(from, signal);
        // A watch that lasted for a while did not fail, whatever its end. One that ends immediately did.
        failures = clock.now() - openedAt >= firstPauseMs ? 0 : failures + 1;
        wait = pauseMs(failures, firstPauseMs, lastPauseMs);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        wait = failed(error, failures, from === undefined);
        from = undefined;
      }
      if (wait > 0) await clock.sleep(wait, signal);
    }
  };

  return {
    resource,
    get: (key) => held.get(key),
    values: () => held.values(),
    version: () => held.version(),
    listed: () => listed,
    problem: () => state,
    heardAt: () => heardAt,
    size: () => held.size(),
    run,
  };
}

/** Doubles each time, less a random part of up to half, so that replicas do not retry at the same moment. */
const pauseMs = (failures: number, first: number, last: number): number =>
  failures === 0 ? 0 : Math.min(last, first * 2 ** (failures - 1)) * (1 - Math.random() / 2);
