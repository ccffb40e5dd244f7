import type { Clock } from "../../sidecar/kit/clock.ts";
import { coded, oneLine, type CodedError } from "../../sidecar/kit/errors.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import type { ApiServer } from "../cluster/api-server.ts";
import type { Trouble } from "../model/trouble.ts";
import { readSecret, type SecretPlace } from "./secret.ts";
import type { Served } from "./served.ts";
import { servable, type TlsState } from "./state.ts";
import { stateOf } from "./stored.ts";
import { notLoaded, unannounced } from "./trouble.ts";

export interface FollowDeps {
  readonly api: Pick<ApiServer, "get">;
  readonly clock: Clock;
  readonly log: Log;
  readonly place: SecretPlace;
  /** By which API servers call the injector. */
  readonly name: string;
  readonly served: Served;
  readonly reloaded?: () => void;
}

/** Serves the certificate that the controller keeps in the Secret. Only reads. Needs get on that one Secret. */
export interface SecretFollower {
  /**
   * Waits for the first certificate. Logs the reason each time it changes.
   * @throws CodedError of trouble.ts when there is none after {@link PATIENCE_MS}, or the signal aborts
   */
  first(signal: AbortSignal): Promise<void>;
  /** Until the signal; never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** One check of the Secret. @throws CodedError of trouble.ts; the served certificate stays */
  look(signal: AbortSignal): Promise<void>;
  /** Why the last look did not find a certificate to serve, or undefined. */
  trouble(): Trouble | undefined;
  /** The end of the CA in the Secret, in milliseconds since the epoch. */
  caNotAfter(): number | undefined;
}

/** Between two checks, each with the wall clock of that moment: a change that a paused cluster has missed is due at once. */
const INTERVAL_MS = 10_000;
const FIRST_INTERVAL_MS = 1000;
/** Longer than a controller takes to be scheduled, to pull its image and to start. Then the kubelet starts us again. */
export const PATIENCE_MS = 10 * 60_000;
/** A replica that could not read the Secret for longer may have missed a whole change of CAs. */
const MISSED_MS = 60_000;

export function secretFollower(deps: FollowDeps): SecretFollower {
  const { api, clock, log, place, name, served, reloaded } = deps;
  let servedCa: string | undefined;
  let readAt = -Infinity;
  let caNotAfter: number | undefined;
  let trouble: Trouble | undefined;

  const look = async (signal: AbortSignal): Promise<void> => {
    const { stored, object } = await readSecret(api, place, "read", signal);
    const missed = clock.elapsed() - readAt > MISSED_MS;
    readAt = clock.elapsed();
    const state = stateOf(stored);
    caNotAfter = state.ca?.notAfter;
    const { serving } = stored;
    if (serving === undefined || !servable(state, [name], clock.now())) {
      throw notLoaded(place, object === undefined ? "does not exist yet" : faultOf(state, name));
    }
    // The controller puts a CA into the caBundle before it signs a certificate, and lists the old CA as a previous one. A
    // change without these steps was not made by the controller.
    const isAnnounced = state.ca?.pem === servedCa || state.previous.some(({ pem }) => pem === servedCa);
    if (!isAnnounced && !missed && served.trouble() === undefined) throw unannounced(place);
    servedCa = state.ca?.pem;
    if (!served.use(serving)) return;
    reloaded?.();
    log.info({ notAfter: new Date(served.notAfter() ?? 0).toISOString() }, "certificate in use");
  };

  const tried = async (signal: AbortSignal): Promise<CodedError | undefined> => {
    const error = await look(signal).then(
      () => undefined,
      (thrown: unknown) => coded(thrown),
    );
    if (signal.aborted) return error;
    const before = trouble?.message;
    trouble = error && { code: error.code, message: oneLine(error) };
    if (trouble !== undefined && trouble.message !== before) {
      const { code, message: why } = trouble;
      if (served.notAfter() === undefined) log.warn({ code, why }, "waiting for a certificate");
      else log.error({ code, why }, "certificate cannot be renewed");
    }
    return error;
  };

  return {
    look,
    first: async (signal) => {
      const startedAt = clock.elapsed();
      for (;;) {
        const error = await tried(signal);
        if (error === undefined) return;
        if (signal.aborted || clock.elapsed() - startedAt >= PATIENCE_MS) throw error;
        await clock.sleep(FIRST_INTERVAL_MS, signal);
      }
    },
    run: async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(INTERVAL_MS, signal);
        if (!signal.aborted) await tried(signal);
      }
    },
    trouble: () => trouble,
    caNotAfter: () => caNotAfter,
  };
}

function faultOf({ ca, serving }: TlsState, name: string): string {
  if (serving === undefined) return "has no serving certificate yet";
  if (ca === undefined || !serving.byCa)
    return "has a certificate that its CA did not sign, or a key that does not belong to it";
  if (!serving.names.includes(name)) return `has a certificate that is not for ${name}`;
  return "has a certificate that is not valid at this time";
}
