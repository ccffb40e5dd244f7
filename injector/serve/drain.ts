import type { FastifyInstance } from "fastify";
import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Log } from "../../sidecar/kit/log.ts";

export interface DrainDeps {
  /** How long it goes on answering once it is to end. */
  readonly ms: number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Drain {
  /** From the moment on that the process has been told to end. */
  started(): boolean;
  /** Resolves when every request that was taken is answered and every connection is closed. */
  run(app: FastifyInstance): Promise<void>;
}

/** What a request may still take once nothing new is accepted; a decision takes 2 s where the API server is away. */
const LAST_REQUESTS_MS = 20_000;
const SWEEP_MS = 100;

/**
 * The end of a replica without a lost admission. For some seconds after SIGTERM the API servers still send here: they
 * hear of endpoints late, and of connections that are open not at all. So the server goes on answering, tells each
 * client by `Connection: close` to come back elsewhere, and only then stops to listen.
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
      // close() looks for idle connections once. One that was busy then would hold the process for its keep-alive.
      const sweep = setInterval(() => app.server.closeIdleConnections(), SWEEP_MS);
      const deadline = setTimeout(() => {
        log.warn({ seconds: LAST_REQUESTS_MS / 1000 }, "requests cut off");
        app.server.closeAllConnections();
      }, LAST_REQUESTS_MS);
      await app.close();
      clearInterval(sweep);
      clearTimeout(deadline);
    },
  };
}
