import type { Server } from "node:http";
import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Log } from "../../sidecar/kit/log.ts";

export interface DrainDeps {
  /** How long it goes on answering after the signal. */
  readonly ms: number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Drain {
  /** Whether the process has been told to end. */
  started(): boolean;
  /** Resolves when every accepted request is answered and every connection is closed. */
  run(app: Draining): Promise<void>;
}

/** A server of Fastify's, or one with a `close` of its own. */
interface Draining {
  readonly server: Pick<Server, "closeAllConnections">;
  /** Accepts nothing more. Resolves when every connection is closed. */
  close(): PromiseLike<unknown>;
}

/** How long a request may still take once nothing new is accepted. A decision takes 2 s while the API server is away. */
const LAST_REQUESTS_MS = 20_000;

/**
 * Ends a replica without losing an admission. For some seconds after SIGTERM API servers still send reviews here: they
 * learn late that an endpoint is gone, and they keep using open connections. So the server goes on answering, each time
 * with `Connection: close`, closes the connections that nobody uses (listener.ts), and only then stops listening. It closes those to the end.
 */
export function drainer({ ms, clock, log }: DrainDeps): Drain {
  let started = false;
  return {
    started: () => started,
    run: async (app) => {
      started = true;
      log.info({ seconds: ms / 1000 }, "draining");
      await clock.sleep(ms);
      log.info("closing");
      const deadline = setTimeout(() => {
        log.warn({ seconds: LAST_REQUESTS_MS / 1000 }, "connections closed with unfinished requests");
        app.server.closeAllConnections();
      }, LAST_REQUESTS_MS);
      await app.close();
      clearTimeout(deadline);
    },
  };
}
