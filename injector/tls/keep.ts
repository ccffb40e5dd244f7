import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../../sidecar/kit/clock.ts";
import { coded, CodedError, oneLine } from "../../sidecar/kit/errors.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import type { Trouble } from "../model/trouble.ts";
import type { Durations } from "./durations.ts";
import {
  patchWebhooks,
  readSecret,
  readWebhooks,
  writeSecret,
  type Places,
  type ReadWebhooks,
  type TlsApi,
} from "./objects.ts";
import { nextAction, sameSet, validAt, type Action, type TlsState } from "./plan.ts";
import { renewed } from "./renew.ts";
import { sights } from "./seen.ts";
import type { Served } from "./served.ts";
import { stateOf, type Stored } from "./stored.ts";
import { lost, unsettled } from "./trouble.ts";

export interface KeepDeps {
  readonly api: TlsApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly places: Places;
  /** By which the API servers call the injector. */
  readonly names: readonly string[];
  readonly durations: Durations;
  readonly served: Served;
  readonly observe?: (event: KeepEvent) => void;
}

export type KeepEvent =
  | { readonly event: "action"; readonly action: Action["do"] }
  | { readonly event: "reload" };

/** The injector's own certificates, looked after. */
export interface Keeper {
  /** Until the signal; never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** One look, and all that it finds to do. @throws CodedError of trouble.ts */
  round(signal: AbortSignal): Promise<void>;
  /** Why the last look was in vain, or undefined. */
  trouble(): Trouble | undefined;
  /** The end of the CA in the Secret, in milliseconds since the epoch. */
  caNotAfter(): number | undefined;
}

/** Steps of one look: a CA and its bundle are two, what other replicas do meanwhile makes some more. */
const STEPS = 12;

/**
 * Keeps CA and certificate in a Secret, and the CA in the webhook configurations. Every replica does; the Secret's
 * resourceVersion decides who was first, and the others take what is there. Needs get and update on the Secret, create
 * on secrets of its namespace, get and patch on each webhook configuration.
 */
export function keeper(deps: KeepDeps): Keeper {
  const { api, clock, log, places, names, durations, served, observe } = deps;
  /** What is served, once API servers have been seen to trust it. */
  let held: Stored | undefined;
  let caNotAfter: number | undefined;
  let trouble: Trouble | undefined;

  let look = 0;
  const sight = sights();

  /**
   * Serves what the Secret holds, where API servers take it. What they are not seen to trust has to wait as long as
   * they take what is served.
   */
  const take = (stored: Stored, state: TlsState): void => {
    const { serving } = stored;
    if (serving === undefined || state.serving?.byCa !== true || !validAt(state.serving, clock.now())) return;
    // The first is what API servers check. The others can be waited for.
    if (!names.slice(0, 1).every((name) => state.serving?.names.includes(name))) return;
    const isTrusted = served.trusted(state.ca?.pem);
    if (served.trouble() === undefined && !isTrusted) return;
    if (isTrusted) held = stored;
    if (!served.use(serving)) return;
    observe?.({ event: "reload" });
    log.info({ notAfter: new Date(state.serving.notAfter).toISOString() }, "certificate in use");
  };

  /** @returns whether there may be more to do */
  const step = async (signal: AbortSignal): Promise<boolean> => {
    // The configurations first: the Secret is then never older than they are, and what is patched is of one moment,
    // since the patch is refused where a configuration has changed since.
    const webhooks = await Promise.all(
      places.webhooks.map((what) => attempt(readWebhooks(api, what, signal))),
    );
    const known = webhooks.filter((one): one is ReadWebhooks => !(one instanceof CodedError));
    const problem = webhooks.find((one) => one instanceof CodedError);
    const secret = await readSecret(api, places, signal);
    const bundles = problem === undefined ? bundlesOf(known) : undefined;
    // What was last read stands while it cannot be read, for want of a right too: the API servers go on trusting it, and
    // replicas that step back all at once would be the outage.
    if (problem === undefined || problem.code === "TLS_WEBHOOK_MISSING") served.trust(bundles);
    const state = stateOf(secret.stored);
    caNotAfter = state.ca?.notAfter;
    take(secret.stored, state);
    const now = clock.now();
    const situation = { state, bundles, names, durations, now };
    const seen = sight.see(situation, look);
    const action = nextAction({ ...situation, held: held && stateOf(held), seen });
    if (action === undefined) {
      if (problem !== undefined) throw problem;
      return false;
    }
    if (action.do === "wait") throw lost();
    const done =
      action.do === "patch"
        ? await allPatched(known, action.bundle, signal)
        : await writeSecret(
            api,
            places,
            secret,
            await renewed(secret.stored, action, { now, names, durations, held }),
            signal,
          );
    if (done) {
      observe?.({ event: "action", action: action.do });
      log.info({ action: action.do }, "certificates");
    }
    return true;
  };

  const allPatched = async (
    known: readonly ReadWebhooks[],
    bundle: readonly string[],
    signal: AbortSignal,
  ): Promise<boolean> => {
    const different = known.filter(({ bundles }) => !bundles.every((each) => sameSet(each, bundle)));
    const results = await Promise.all(different.map((one) => patchWebhooks(api, one, bundle, signal)));
    return results.every(Boolean);
  };

  const round = async (signal: AbortSignal): Promise<void> => {
    look += 1;
    for (let count = 0; count < STEPS; count += 1) {
      if (!(await step(signal))) return;
      // Replicas that have met at one object come back to it one after the other.
      if (count > 2) await delay(Math.random() * 50);
    }
    throw unsettled();
  };

  return {
    round,
    run: async (signal) => {
      while (!signal.aborted) {
        const before = trouble;
        trouble = await round(signal).then(() => undefined, troubleOf);
        if (signal.aborted) return;
        if (trouble === undefined && before !== undefined) log.info("certificates are looked after again");
        if (trouble !== undefined && trouble.message !== before?.message)
          log.error({ code: trouble.code, why: trouble.message }, "certificates cannot be looked after");
        await clock.sleep(durations.intervalMs, signal);
      }
    },
    trouble: () => trouble,
    caNotAfter: () => caNotAfter,
  };
}

const bundlesOf = (webhooks: readonly ReadWebhooks[]): readonly (readonly string[])[] | undefined => {
  const bundles = webhooks.flatMap((one) => one.bundles);
  return bundles.length === 0 ? undefined : bundles;
};

/** Of what went wrong here the code and a sentence: an error's own fields may hold what was being written. */
function troubleOf(error: unknown): Trouble {
  const known = coded(error);
  return { code: known.code, message: oneLine(known) };
}

async function attempt<T>(work: Promise<T>): Promise<T | CodedError> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
}
