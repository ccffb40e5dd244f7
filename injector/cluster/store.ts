import { isDeepStrictEqual } from "node:util";
import { keyOf } from "./list-watch.ts";
import type { Fields } from "../model/read.ts";

/** The kept part of all objects of one kind. */
export interface Store<T> {
  /** @param key `name`, or `namespace/name` */
  get(key: string): T | undefined;
  values(): Iterable<T>;
  size(): number;
  /** Changes whenever anything that is kept changes. */
  version(): number;
  put(object: Fields): void;
  remove(object: Fields): void;
  /** Starts a list. It replaces everything when it is committed; until then nothing changes. */
  replacement(): Replacement;
}

interface Replacement {
  add(object: Fields): void;
  /** Removes the objects that were not added: they were deleted while there was no watch. */
  commit(): void;
}

/**
 * @param cut returns what is kept of an object. It must copy what it keeps, or the whole object stays in memory
 * @param onChange is called with every value that is new or has changed
 */
export function store<T>(cut: (object: Fields) => T, onChange?: (value: T) => void): Store<T> {
  const held = new Map<string, T>();
  let version = 0;

  /** Returns the value that is held when nothing has changed, so that callers can compare by identity. */
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
