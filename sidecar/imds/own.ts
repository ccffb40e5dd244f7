import type { End, Reach } from "../kit/reach.ts";

type ReachFunction = (address: string, port: number, timeoutMs: number) => Promise<Reach>;

/** What comes to the metadata endpoint, while somebody looks. */
export interface Arrivals {
  /** To be called with the other end of every connection that the endpoint takes or turns away. */
  readonly note: (from: End) => void;
  readonly look: () => Look;
}

interface Look {
  /** Whether a connection from there has come since the look began, or comes within the time. */
  readonly saw: (from: End, timeoutMs: number) => Promise<boolean>;
  readonly end: () => void;
}

export function createArrivals(): Arrivals {
  const listeners = new Set<(key: string) => void>();
  return {
    note: (from) => {
      for (const listener of listeners) listener(keyOf(from));
    },
    look: () => {
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
            // After a standstill timers come before what has arrived meanwhile, and that has to be heard.
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

/** A link-local address is shown with an interface, and each end may name another. */
const keyOf = ({ address, port }: End): string => `${address.replace(/%.*$/, "")} ${port}`;

/**
 * In a pod with an emulated service something does answer at EC2's address, and it has to be this very process: the
 * connection that was opened there must be one that has arrived here. No byte is sent, so the node's own service is asked
 * nothing, and there is no answer that it, or a proxy that passes ours on, could give in our place.
 * @param reach how a connection is tried
 * @returns the same, with a connection that ends at this process told as refused under the code `OWN`
 */
export function reachBeyond(reach: ReachFunction, arrivals: Pick<Arrivals, "look">): ReachFunction {
  return async (address, port, timeoutMs) => {
    const look = arrivals.look();
    try {
      const reached = await reach(address, port, timeoutMs);
      if (reached.kind !== "connected" || reached.from === undefined) return reached;
      return (await look.saw(reached.from, timeoutMs)) ? { kind: "refused", code: "OWN" } : reached;
    } finally {
      look.end();
    }
  };
}
