import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Notice } from "./events-notice.ts";

/** One notice and how often it was due. */
export interface Series {
  readonly notice: Notice;
  /** Milliseconds since the epoch, as `lastAt`. */
  readonly firstAt: number;
  readonly lastAt: number;
  readonly count: number;
}

export interface SeriesBook {
  /** Notes that a notice is due. @returns its series, to be passed to `told` or `untold`; undefined: it was told of a moment ago, or will be */
  due(notice: Notice): Series | undefined;
  /** It was written: for a while no more of it. */
  told(series: Series): void;
  /** It was not: with the next time it is due, it is tried again. */
  untold(series: Series): void;
}

/** A controller whose pod is denied tries again at once, and again, ever more slowly: that is one story. */
export const WINDOW_MS = 5 * 60_000;
/** Notices remembered: some four megabytes of the longest. */
const REMEMBERED_MAX = 2000;

interface Running extends Series {
  lastAt: number;
  count: number;
  waiting: boolean;
  toldAt: number | undefined;
}

/**
 * The same notice within five minutes is one Event. What goes on for longer is told again, once in five minutes, with
 * how often it was since it began.
 */
export function seriesBook({ now }: Pick<Clock, "now">): SeriesBook {
  // In the order they were last due, so that what may be forgotten is at the front.
  const book = new Map<string, Running>();

  const forget = (at: number): void => {
    for (const [key, { lastAt }] of book) {
      if (at - lastAt < WINDOW_MS && book.size <= REMEMBERED_MAX) return;
      book.delete(key);
    }
  };

  return {
    due: (notice) => {
      const at = now();
      forget(at);
      const key = JSON.stringify(notice);
      const series = book.get(key) ?? {
        notice,
        firstAt: at,
        lastAt: at,
        count: 0,
        waiting: false,
        toldAt: undefined,
      };
      book.delete(key);
      book.set(key, series);
      series.count += 1;
      series.lastAt = at;
      const { waiting, toldAt } = series;
      if (waiting || (toldAt !== undefined && at - toldAt < WINDOW_MS)) return undefined;
      series.waiting = true;
      return series;
    },
    told: (series) => Object.assign(series, { waiting: false, toldAt: now() }),
    untold: (series) => Object.assign(series, { waiting: false }),
  };
}
