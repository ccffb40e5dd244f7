import type { End, Reach } from "../kit/reach.ts";

type ReachFunction = (address: string, port: number, timeoutMs: number) => Promise<Reach>;

/** Remembers which connections come to the metadata endpoint while an attempt is watched. */
export interface ConnectionWatch {
  /** To be called with the other end of every connection that the endpoint accepts or turns away. */
  readonly note: (from: End) => void;
  readonly watch: () => Watch;
}

interface Watch {
  /** Whether a connection from there has come since the watch began, or comes within the time. */
  readonly saw: (from: End, timeoutMs: number) => Promise<boolean>;
  readonly end: () => void;
}

export function watchConnections(): ConnectionWatch {
  const listeners = new Set<(key: string) => void>();
  return {
    note: (from) => {
      for (const listener of listeners) listener(keyOf(from));
    },
    watch: () => {
      const seen = new Set<string>();
      const awaited = new Map<string, () => void>();
      const listener = (key: string): void => {
        seen.add(key);
        awaited.get(key)?.();
      };
      listeners.add(listener);
      return {
        saw: (from, timeoutMs) => {
          const key = keyOf(from);
          if (seen.has(key)) return Promise.resolve(true);
          return new Promise((resolve) => {
            // After a standstill, timers run before connections that arrived meanwhile, and those have to count.
            const heard = (): void => resolve(seen.has(key));
            const timer = setTimeout(() => setImmediate(heard), timeoutMs);
            awaited.set(key, () => {
              clearTimeout(timer);
              resolve(true);
            });
          });
        },
        end: () => void listeners.delete(listener),
      };
    },
  };
}

/** A link-local address comes with an interface, and the two ends may name different ones. */
const keyOf = ({ address, port }: End): string => `${address.replace(/%.*$/, "")} ${port}`;

/**
 * In a pod with an emulated service, something answers at EC2's address, and it has to be this process: a connection that
 * was opened there must also have arrived here. No byte is sent, so neither the node's own service nor a proxy in
 * between is asked anything that it could answer in our place.
 * @param reach how a connection is tried
 * @returns the same, but a connection that ends at this process is reported as refused with the code `OWN`
 */
export function reachOthers(
  reach: ReachFunction,
  connections: Pick<ConnectionWatch, "watch">,
): ReachFunction {
  return async (address, port, timeoutMs) => {
    const watch = connections.watch();
    try {
      const reached = await reach(address, port, timeoutMs);
      if (reached.kind !== "connected" || reached.from === undefined) return reached;
      return (await watch.saw(reached.from, timeoutMs)) ? { kind: "refused", code: "OWN" } : reached;
    } finally {
      watch.end();
    }
  };
}
