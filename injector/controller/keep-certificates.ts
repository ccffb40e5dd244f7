import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../../sidecar/kit/clock.ts";
import { CodedError } from "../../sidecar/kit/errors.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import { stateOf } from "../tls/stored.ts";
import { unsettled } from "../tls/trouble.ts";
import { isUntidy, readKept, writeKept } from "./ca-keys.ts";
import type { Durations } from "./durations.ts";
import {
  casIn,
  patchWebhooks,
  readWebhooks,
  type CertificatesApi,
  type Places,
  type ReadWebhooks,
} from "./objects.ts";
import { bundleOf, inAll, nextAction, type Action, type Situation } from "./plan.ts";
import { renewed } from "./renew.ts";
import { streak } from "./streak.ts";

export interface KeepDeps {
  readonly api: CertificatesApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly places: Places;
  /** By which API servers call the injector. */
  readonly names: readonly string[];
  readonly durations: Durations;
  readonly observe?: (action: Action["do"]) => void;
}

/** Maintains CA, serving certificate and caBundle. */
export interface Keeper {
  /** One round, with every step that is due. @throws CodedError of trouble.ts */
  readonly round: (signal: AbortSignal) => Promise<void>;
}

/** The most steps of one round. A first start takes three; conflicts with other writers add some. */
const STEPS = 12;

/**
 * Keeps certificates in a Secret, the keys of CAs in another, and the CA in the webhook configuration. One controller does this. Should a second
 * run for a moment, resourceVersions decide: a write that comes second is refused, and the loser reads everything again.
 * Needs get and update on both Secrets, create on secrets of its namespace, get and patch on the webhook configuration.
 */
export function certificateKeeper(deps: KeepDeps): Keeper {
  const { api, clock, log, places, names, durations, observe } = deps;
  let known: string | undefined;
  let look = 0;
  const lookCount = streak();

  /**
   * @param refusal why the caBundle could not be patched in this look
   * @returns whether there may be more to do, or such a refusal
   */
  const step = async (
    refusal: CodedError | undefined,
    signal: AbortSignal,
  ): Promise<boolean | CodedError> => {
    // The configuration first. The Secret read is then never older than the configuration, and a patch is refused where
    // the configuration has changed since: no patch can remove a CA that was named meanwhile.
    const webhooks = await attempt(readWebhooks(api, places.configuration, signal));
    const kept = await readKept(api, places, signal);
    const { stored } = kept;
    const problem = refusal ?? (webhooks instanceof CodedError ? webhooks : undefined);
    const situation = situationOf(refusal === undefined ? bundlesOf(webhooks) : undefined, stateOf(stored));
    const action = nextAction(situation);
    if (action === undefined) {
      // From 0.1.0, or from somebody who restored a backup: what the injector reads is to hold no CA's key. A change of CA
      // leaves the old one's key, should the write of the certificates fail.
      if (isUntidy(kept)) {
        await writeKept(api, places, kept, stored, signal);
        return true;
      }
      if (problem !== undefined) throw problem;
      return false;
    }
    const work =
      action.do === "patch"
        ? patched(webhooks, action.bundle, signal)
        : renewed(stored, action, { now: situation.now, names, durations }).then((next) =>
            writeKept(api, places, kept, next, signal),
          );
    const isDone = await work;
    if (isDone === true) {
      observe?.(action.do);
      log.info({ action: action.do }, "certificates changed");
    }
    return isDone instanceof CodedError ? isDone : true;
  };

  const patched = async (
    webhooks: ReadWebhooks | CodedError,
    bundle: readonly string[],
    signal: AbortSignal,
  ): Promise<boolean | CodedError> =>
    !(webhooks instanceof CodedError) &&
    attempt(patchWebhooks(api, places.configuration, webhooks, bundle, signal));

  const situationOf = (bundles: Situation["bundles"], state: Situation["state"]): Situation => {
    const isTrusted = bundles !== undefined && bundleOf(state).every((pem) => inAll(bundles, pem));
    if (bundles !== undefined && inAll(bundles, state.ca?.pem)) known = state.ca?.pem;
    // Looks are counted and time is not measured: a clock can be set, and a machine that was stopped for a night has
    // seen nothing meanwhile.
    const roles = [state.previous.map(({ pem }) => pem), state.ca?.pem, state.next?.pem];
    const settledMs = lookCount(isTrusted ? JSON.stringify(roles) : undefined, look) * durations.intervalMs;
    const trusted = casIn(bundles ?? []);
    return { state, bundles, trusted, known, settledMs, names, now: clock.now(), durations };
  };

  return {
    round: async (signal) => {
      look += 1;
      let refusal: CodedError | undefined;
      for (let count = 0; count < STEPS; count += 1) {
        const more = await step(refusal, signal);
        if (more === false) return;
        // A caBundle that cannot be patched is no reason not to renew a certificate by the CA that is trusted.
        if (more instanceof CodedError) refusal = more;
        // Two controllers that meet at one object do not come back to it in step.
        if (count > 2) await delay(Math.random() * 50);
      }
      throw unsettled("the Secret or the webhook configuration", "caBundle");
    },
  };
}

/** Without a configuration nobody calls the webhook, and there is no caBundle that could lack a CA. */
function bundlesOf(webhooks: ReadWebhooks | CodedError): Situation["bundles"] {
  if (!(webhooks instanceof CodedError)) return webhooks.bundles;
  return webhooks.code === "TLS_WEBHOOK_MISSING" ? [] : undefined;
}

async function attempt<T>(work: Promise<T>): Promise<T | CodedError> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
}
