import { isDeepStrictEqual } from "node:util";
import { keyOf } from "./list-watch.ts";
import type { Fields } from "../model/read.ts";

/** What is kept of the objects of one kind. */
export interface Store<T> {
  /** @param key `name`, or `namespace/name` */
  get(key: string): T | undefined;
  values(): Iterable<T>;
  size(): number;
  /** Another number whenever anything that is kept has changed. */
  version(): number;
  put(object: Fields): void;
  remove(object: Fields): void;
  /** Begins a list that takes the place of everything when it is whole; until then nothing changes. */
  replacement(): Replacement;
}

interface Replacement {
  add(object: Fields): void;
  /** What has not been added is gone now: it was deleted while nobody watched. */
  commit(): void;
}

/**
 * @param cut makes what is kept of an object. It must hold on to nothing of the object, or all of it stays in memory
 * @param onChange told of every value that is new or different; not of the same one put again
 */
export function store<T>(cut: (object: Fields) => T, onChange?: (value: T) => void): Store<T> {
  const held = new Map<string, T>();
  let version = 0;

  /** The very value held before, where nothing that is kept has changed: its identity says so to whoever built on it. */
  const valueOf = (key: string, object: Fields): T => {
    const known = held.get(key);
    const value = cut(object);
    return known !== undefined && isDeepStrictEqual(known, value) ? known : value;
  };
  const set = (key: string, value: T): void => {
    if (held.get(key) === value) return;
    held.set(key, value);
    version += 1;
    onChange?.(value);
  };
  const drop = (key: string): void => {
    if (held.delete(key)) version += 1;
  };

  return {
    get: (key) => held.get(key),
    values: () => held.values(),
    size: () => held.size,
    version: () => version,
    put: (object) => set(keyOf(object), valueOf(keyOf(object), object)),
    remove: (object) => drop(keyOf(object)),
    replacement: () => {
      const fresh = new Map<string, T>();
      return {
        add: (object) => void fresh.set(keyOf(object), valueOf(keyOf(object), object)),
        commit: () => {
          for (const key of held.keys()) if (!fresh.has(key)) drop(key);
          for (const [key, value] of fresh) set(key, value);
        },
      };
    },
  };
}
