import type { Clock } from "../../sidecar/kit/clock.ts";
import { within } from "../../sidecar/kit/within.ts";
import { turns } from "../http/turns.ts";
import { BusyError } from "./busy.ts";

/** Lets a few requests at once go to the API server, and the others wait for their turn. */
export interface ApiTurns {
  /**
   * @param address of the client for which it is: one with many requests does not keep others waiting
   * @throws BusyError after {@link PATIENCE_MS}; whatever the request throws
   */
  readonly run: <T>(address: string, request: () => Promise<T>) => Promise<T>;
}

/** API servers let some hundred requests of one kind be under way, for everybody. */
export const AT_ONCE = 64;
const PATIENCE_MS = 2000;

export function apiTurns(clock: Pick<Clock, "sleep">, atOnce: number = AT_ONCE): ApiTurns {
  const line = turns(atOnce);
  return {
    run: async (address, request) => {
      const turn = line.ask(address, 1);
      try {
        await within(turn.come, PATIENCE_MS, clock, tooMany);
        return await request();
      } finally {
        turn.end();
      }
    },
  };
}

const tooMany = (): BusyError =>
  new BusyError(
    "Too many requests to the API server are under way.",
    "Nothing to do: the sidecar tries again. If this happens often, see how fast the API server answers, or ask a cluster admin for more replicas of the broker.",
    PATIENCE_MS,
  );
