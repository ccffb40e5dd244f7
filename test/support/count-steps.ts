/**
 * Counts what a function does with a value, to see how its work grows: each property that it reads, and each entry that it
 * passes over in an array, also in one that it has made itself.
 */
export function countSteps<T>(value: T, run: (counted: T) => unknown): number {
  let steps = 0;
  const seen = new WeakMap<object, object>();
  const counted = <V>(inner: V): V => {
    if (typeof inner !== "object" || inner === null) return inner;
    const known = seen.get(inner) ?? new Proxy(inner, handler);
    seen.set(inner, known).set(known, known);
    return known as V;
  };
  const handler: ProxyHandler<object> = {
    get: (target, key, receiver) => ((steps += 1), counted(Reflect.get(target, key, receiver) as unknown)),
    has: (target, key) => ((steps += 1), Reflect.has(target, key)),
    ownKeys: (target) => {
      const keys = Reflect.ownKeys(target);
      steps += keys.length;
      return keys;
    },
    getOwnPropertyDescriptor: (target, key) => {
      steps += 1;
      const found = Reflect.getOwnPropertyDescriptor(target, key);
      return found && "value" in found ? { ...found, value: counted(found.value as unknown) } : found;
    },
  };
  const restore = instrument((more) => (steps += more));
  try {
    run(counted(value));
  } finally {
    restore();
  }
  return steps;
}

const BY_CALLBACK = [
  "find",
  "findIndex",
  "findLast",
  "some",
  "every",
  "filter",
  "map",
  "flatMap",
  "reduce",
] as const;
const WHOLE = ["includes", "indexOf", "join", "toSorted", "slice", "concat"] as const;

type Method = (this: readonly unknown[], ...args: readonly unknown[]) => unknown;

/** @returns a function that takes it all back */
function instrument(count: (steps: number) => void): () => void {
  const methods = Array.prototype as unknown as Record<string, Method>;
  const originals = [...BY_CALLBACK, ...WHOLE].map((name): [string, Method] => [
    name,
    methods[name] as Method,
  ]);
  for (const [name, original] of originals) {
    const byCallback = (BY_CALLBACK as readonly string[]).includes(name);
    methods[name] = function counting(this: readonly unknown[], ...args) {
      if (!byCallback) {
        count(this.length);
        return original.apply(this, [...args]);
      }
      const [callback, ...rest] = args as [(...given: unknown[]) => unknown, ...unknown[]];
      return original.apply(this, [(...given: unknown[]) => (count(1), callback(...given)), ...rest]);
    };
  }
  return () => {
    for (const [name, original] of originals) methods[name] = original;
  };
}
