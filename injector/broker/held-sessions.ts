import { createSessionStore, type SessionStore } from "../../sidecar/engine/session-store.ts";
import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Credentials } from "../../sidecar/sts/credentials.ts";

export interface MadeSession {
  readonly credentials: Credentials;
  readonly requestId: string | undefined;
}

/** Sessions in memory, by their {@link file://./session-key.ts keys}. What has expired is never given. */
export interface HeldSessions {
  readonly put: (key: string, session: MadeSession) => void;
  readonly get: (key: string) => MadeSession | undefined;
  /** Only a session that has most of its life before it. */
  readonly fresh: (key: string) => MadeSession | undefined;
  readonly drop: (key: string) => void;
  readonly size: () => number;
  /** Drops what has expired, every minute until the signal. */
  readonly sweep: (signal: AbortSignal) => Promise<void>;
}

interface Held {
  readonly store: SessionStore;
  readonly requestId: string | undefined;
}

/** A sidecar renews after two thirds of a session's life, so what it then gets must have more than a third of it left. */
const FRESH = 0.75;
const SWEEP_MS = 60_000;

/** @param most the oldest one goes when there are more: twice what one broker is made for. A session takes about 2 KiB. */
export function heldSessions(clock: Clock, most = 20_000): HeldSessions {
  /** The oldest first. */
  const held = new Map<string, Held>();

  const get = (key: string): MadeSession | undefined => {
    const one = held.get(key);
    const credentials = one?.store.current();
    return one && credentials && { credentials, requestId: one.requestId };
  };
  const dropExpired = (): void => {
    for (const [key, { store }] of held) if (store.current() === undefined) held.delete(key);
  };
  return {
    put: (key, { credentials, requestId }) => {
      held.delete(key);
      const [oldest] = held.keys();
      if (held.size >= most && oldest !== undefined) held.delete(oldest);
      const store = createSessionStore(clock);
      store.put(credentials);
      held.set(key, { store, requestId });
    },
    get,
    fresh: (key) => {
      const session = get(key);
      if (session === undefined) return undefined;
      const { issuedAt, expiresAt } = session.credentials;
      return expiresAt - clock.now() >= FRESH * (expiresAt - issuedAt) ? session : undefined;
    },
    drop: (key) => void held.delete(key),
    size: () => held.size,
    sweep: async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(SWEEP_MS, signal);
        dropExpired();
      }
    },
  };
}
