import type { Clock } from "../../sidecar/kit/clock.ts";

/** Values that are true for a while. */
export interface Expiring<T> {
  /** @param ms how long from now on */
  readonly put: (key: string, value: T, ms: number) => void;
  readonly get: (key: string) => T | undefined;
}

/** @param most the oldest goes when there are more */
export function expiring<T>({ elapsed }: Pick<Clock, "elapsed">, most: number): Expiring<T> {
  const held = new Map<string, { readonly value: T; readonly until: number }>();
  return {
    put: (key, value, ms) => {
      held.delete(key);
      held.set(key, { value, until: elapsed() + ms });
      const [oldest] = held.keys();
      if (held.size > most && oldest !== undefined) held.delete(oldest);
    },
    get: (key) => {
      const one = held.get(key);
      if (one === undefined || elapsed() < one.until) return one?.value;
      held.delete(key);
      return undefined;
    },
  };
}
