import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import { Refusal, whyOf, type ApiServer } from "../cluster/api-server.ts";
import { noticesOf, type Notice } from "./events-notice.ts";
import { seriesBook, type Series } from "./events-series.ts";
import type { EventResult } from "./metrics.ts";
import type { AnsweredReview } from "../review/admission-result.ts";

export interface EventRecorder {
  /** Writes Events about a decision, where there is anything to tell, some time after this has returned. */
  readonly observe: (decided: AnsweredReview) => void;
  /** Gives up what is still waiting. Resolves when nothing is left running. */
  readonly stop: () => Promise<void>;
}

export interface EventDeps {
  readonly api: Pick<ApiServer, "post">;
  readonly log: Log;
  readonly clock: Clock;
  /** Which replica speaks: its host name. */
  readonly instance: string;
  readonly count: (result: EventResult) => void;
}

const POST_MS = 5000;
const PER_SECOND = 5;
const BURST = 50;
/** Events that wait for their turn, at most ten seconds' worth of each namespace: one tenant keeps no other from his. */
const QUEUE_MAX = 500;
const QUEUE_MAX_PER_NAMESPACE = 50;

/**
 * Tells people in the cluster what became of their pods: an Event on the controller for each denial, for what audit
 * would deny, and for pods let in without a guard. Best effort: nothing waits for an Event, nothing fails for want of
 * one, and one that cannot be written is counted, not kept.
 *
 * Of group events.k8s.io, not the core group's: it has a series for repetitions and is validated, and `kubectl` shows
 * both alike, since they are one and the same object to the API server.
 *
 * Needs `create` on `events` of apiGroup `events.k8s.io`, in all labelled namespaces, and nothing else.
 */
export function eventRecorder({ api, log, clock, instance, count }: EventDeps): EventRecorder {
  const stopping = new AbortController();
  const { signal } = stopping;
  const book = seriesBook(clock);
  const turn = limiter(clock);
  const queue: Series[] = [];
  let running: Promise<void> | undefined;
  let problem: string | undefined;

  /** One line for each change of state. What the API server said is told of a missing right only: of an Event it did
   * not like it may repeat the note, and so the manifest. */
  const enter = (next: string | undefined, said = ""): void => {
    if (next === problem) return;
    problem = next;
    if (next === undefined) log.info("events written again");
    else log.warn({ why: next, said }, "events not written");
  };

  const write = async (series: Series): Promise<void> => {
    try {
      const path = `/apis/events.k8s.io/v1/namespaces/${series.notice.namespace}/events`;
      await api.post(path, eventObject(series, instance), POST_MS, signal);
      book.told(series);
      count("created");
      enter(undefined);
    } catch (error) {
      if (signal.aborted) return;
      book.untold(series);
      count("failed");
      enter(whyOf(error), error instanceof Refusal && error.status === 403 ? error.said : "");
    }
  };

  /** One after the other: an API server that is slow is not asked for more. */
  const drain = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await turn(signal);
      if (signal.aborted) return;
      await write(next);
    }
    running = undefined;
  };

  const enqueue = (notice: Notice): void => {
    const series = book.due(notice);
    if (series === undefined) return;
    const ofNamespace = queue.filter((one) => one.notice.namespace === notice.namespace).length;
    if (queue.length < QUEUE_MAX && ofNamespace < QUEUE_MAX_PER_NAMESPACE) return void queue.push(series);
    book.untold(series);
    count("dropped");
  };

  return {
    observe: (decided) => {
      if (signal.aborted) return;
      for (const notice of noticesOf(decided)) enqueue(notice);
      if (queue.length > 0) running ??= drain();
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** Resolves when the next one may go: fifty at once, then five a second. */
function limiter(clock: Clock): (signal: AbortSignal) => Promise<void> {
  let left = BURST;
  let countedAt = clock.now();
  return async (signal) => {
    for (;;) {
      const at = clock.now();
      left = Math.min(BURST, left + (Math.max(0, at - countedAt) / 1000) * PER_SECOND);
      countedAt = at;
      if (left >= 1 || signal.aborted) break;
      await clock.sleep(Math.ceil(((1 - left) / PER_SECOND) * 1000), signal);
    }
    left -= 1;
  };
}

/** An `events.k8s.io/v1` Event. */
const eventObject = ({ notice, firstAt, lastAt, count }: Series, instance: string): object => ({
  apiVersion: "events.k8s.io/v1",
  kind: "Event",
  metadata: { generateName: "podrole-", namespace: notice.namespace },
  type: "Warning",
  reason: notice.reason,
  action: "Admission",
  note: notice.note,
  regarding: notice.regarding,
  reportingController: "podrole.dev/injector",
  // The API server's limit.
  reportingInstance: instance.slice(0, 128),
  eventTime: microTime(firstAt),
  ...(count > 1 ? { series: { count, lastObservedTime: microTime(lastAt) } } : {}),
});

/** The API server insists on six digits. */
const microTime = (ms: number): string => new Date(ms).toISOString().replace("Z", "000Z");
