import type { Clock } from "../../sidecar/kit/clock.ts";
import { allowance, allowances } from "../model/allowance.ts";

/** Limits of single reads. */
export interface LookUpLimits {
  /** How many may be under way at once. */
  readonly atOnce: number;
  /** How many may begin in a second, for long; as many again may begin at once after a quiet time. */
  readonly perSecond: number;
  /** The same for those of one group alone, such as a namespace. */
  readonly perSecondOfGroup: number;
  /** How long "there is none" stays true, in milliseconds, where the caller asks so. */
  readonly absentMs: number;
}

/**
 * Almost every review finds its namespace and account in memory; what has just been created arrives within milliseconds.
 * Anybody who reaches the webhook's port can name others, and each would be a request to the API server.
 */
export const LOOK_UP_LIMITS: LookUpLimits = {
  atOnce: 16,
  perSecond: 40,
  perSecondOfGroup: 10,
  absentMs: 1000,
};

/** Single reads of objects that may not exist. */
export interface LookUps {
  /**
   * @param group what the read is for: one group that asks too much does not take the others' share
   * @param read resolves to undefined where there is no such object
   * @param mayRemember whether an absence that was found less than {@link LookUpLimits.absentMs} ago may be the answer
   * @throws TooManyLookUps
   */
  one<T>(
    path: string,
    group: string,
    read: () => Promise<T | undefined>,
    mayRemember: boolean,
  ): Promise<T | undefined>;
  /** How many were refused so far. */
  refused(): number;
}

export class TooManyLookUps extends Error {
  constructor() {
    super("too many look-ups");
    this.name = "TooManyLookUps";
  }
}

/** No more groups and absences are remembered than this. Of too many absences all are forgotten, which costs some requests more. */
const REMEMBERED_MAX = 1000;

export function lookUps(clock: Clock, limits: LookUpLimits = LOOK_UP_LIMITS): LookUps {
  const { perSecond, perSecondOfGroup } = limits;
  const all = allowance(clock, { perSecond, burst: perSecond });
  const ofGroup = allowances(clock, { perSecond: perSecondOfGroup, burst: perSecondOfGroup }, REMEMBERED_MAX);
  const absentAt = new Map<string, number>();
  let underWay = 0;
  let refused = 0;

  // The group's first: what it is refused is not taken from the others.
  const mayBegin = (group: string): boolean => underWay < limits.atOnce && ofGroup(group) && all();

  return {
    refused: () => refused,
    one: async (path, group, read, mayRemember) => {
      const since = absentAt.get(path);
      if (mayRemember && since !== undefined && clock.elapsed() - since < limits.absentMs) return undefined;
      absentAt.delete(path);
      if (!mayBegin(group)) {
        refused += 1;
        throw new TooManyLookUps();
      }
      underWay += 1;
      try {
        const found = await read();
        if (absentAt.size >= REMEMBERED_MAX) absentAt.clear();
        if (found === undefined && mayRemember) absentAt.set(path, clock.elapsed());
        return found;
      } finally {
        underWay -= 1;
      }
    },
  };
}
