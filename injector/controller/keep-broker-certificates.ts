import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import { Refusal, type ApiServer } from "../cluster/api-server.ts";
import { metadataOf, type Fields } from "../model/read.ts";
import { validAt } from "../tls/state.ts";
import { stateOf } from "../tls/stored.ts";
import { unsettled } from "../tls/trouble.ts";
import { BROKER_CA, bundleIn, bundleText, type Bundle } from "./broker-bundle.ts";
import { casIn, type BrokerObserver } from "./broker-observer.ts";
import {
  byClock,
  losesPods,
  nextBrokerAction,
  servedUntil,
  type BrokerAction,
  type BrokerSituation,
} from "./broker-plan.ts";
import {
  caPemsIn,
  readBrokerSecrets,
  writeBrokerSecret,
  type BrokerPlaces,
  type BrokerSecrets,
} from "./broker-secrets.ts";
import { bundleForeign, caNotValid } from "./broker-trouble.ts";
import type { BrokerDurations } from "./durations.ts";
import { readConfigMap, settingsPath } from "./settings.ts";
import { streak } from "./streak.ts";

export interface BrokerKeeperDeps {
  readonly api: Pick<ApiServer, "get" | "post" | "put" | "patch">;
  readonly clock: Clock;
  readonly log: Log;
  readonly places: BrokerPlaces;
  /** Name of the ConfigMap with the settings. */
  readonly configMap: string;
  /** By which sidecars call the broker. */
  readonly names: readonly string[];
  readonly durations: BrokerDurations;
  readonly observe?: BrokerObserver;
}

/** The most steps of one round. A first start takes three; conflicts with other writers add some. */
const STEPS = 12;
const REQUEST_MS = 10_000;

/**
 * Keeps the broker's CA in one Secret, its certificate in another, and the CAs that sidecars trust in the settings. As with the
 * injector's certificates, resourceVersions decide between two controllers. Needs get and update on both Secrets, create on
 * secrets of its namespace, get and patch on the ConfigMap.
 * @returns one round; it throws CodedError, and Refusal or Error as the client does
 */
export function brokerKeeper(deps: BrokerKeeperDeps): (signal: AbortSignal) => Promise<void> {
  const { api, clock, log, places, names, durations, observe } = deps;
  const settings = { api, namespace: places.namespace, configMap: deps.configMap };
  const configMap = `${places.namespace}/${deps.configMap}`;
  let look = 0;
  const lookCount = streak();

  /** @returns whether there may be more to do. @param refusal why brokerCa could not be written in this look */
  const step = async (refusal: Failure | undefined, signal: AbortSignal): Promise<boolean | Failure> => {
    // The settings first: a patch is refused where they have changed since, so it cannot take away a CA that was added after the
    // Secrets were read.
    const read = await attempt(readConfigMap(settings, signal));
    const secrets = await readBrokerSecrets(api, places, signal);
    const bundle =
      refusal === undefined && !(read instanceof Failure)
        ? bundleIn(read.data[BROKER_CA] ?? "", caPemsIn(secrets))
        : undefined;
    const situation = situationOf(secrets, bundle);
    const action = nextBrokerAction(situation);
    if (action === undefined) {
      observe?.cas(casIn(situation));
      throwFirst(refusal, read, situation);
      return false;
    }
    const work =
      action.do === "publish"
        ? !(read instanceof Failure) && attempt(publish(read.object, action.pems, signal))
        : writeBrokerSecret(api, places, secrets, action, situation, signal);
    const isDone = await work;
    if (isDone === true) report(action, situation);
    return isDone instanceof Failure ? isDone : true;
  };

  const situationOf = (secrets: BrokerSecrets, bundle: Bundle | undefined): BrokerSituation => {
    const [authorities, served] = [stateOf(secrets.authorities.stored), stateOf(secrets.served.stored)];
    const time = { authorities, now: clock.now(), durations };
    const asked = byClock(time);
    const what = asked && JSON.stringify([asked, authorities.ca?.pem, authorities.next?.pem]);
    const confirmedMs = lookCount(what, look) * durations.intervalMs;
    return { ...time, served, bundle, confirmedMs, names };
  };

  /** @returns false where the settings have changed since they were read */
  const publish = async (object: Fields, pems: readonly string[], signal: AbortSignal): Promise<boolean> => {
    const { resourceVersion } = metadataOf(object);
    const changes = { metadata: { resourceVersion }, data: { [BROKER_CA]: bundleText(pems) } };
    try {
      await api.patch(settingsPath(settings), changes, REQUEST_MS, signal);
      return true;
    } catch (error) {
      if (error instanceof Refusal && error.status === 409) return false;
      throw error;
    }
  };

  const throwFirst = (refusal: Failure | undefined, read: object, situation: BrokerSituation): void => {
    if (refusal !== undefined) throw refusal.error;
    if (read instanceof Failure) throw read.error;
    if (situation.bundle === undefined) throw bundleForeign(configMap);
    const { authorities, now } = situation;
    const { ca } = authorities;
    if (ca !== undefined && !validAt(ca, now))
      throw caNotValid(`${places.namespace}/${places.authorities}`, ca, now);
  };

  const report = (action: BrokerAction, situation: BrokerSituation): void => {
    observe?.action(action.do);
    log.info({ action: action.do }, "broker certificates changed");
    if (!losesPods(action, situation)) return;
    observe?.lost();
    // Those that trust the CA by which the broker still serves have time until then.
    const end = servedUntil(situation);
    log.warn(
      {
        code: "BROKER_CA_LOST",
        before: new Date(situation.now).toISOString(),
        ...(end === undefined ? {} : { until: new Date(end - durations.lastMs).toISOString() }),
      },
      "the broker's CA is another one: restart the pods of source broker that were made before",
    );
  };

  return async (signal) => {
    look += 1;
    let refusal: Failure | undefined;
    for (let count = 0; count < STEPS; count += 1) {
      const more = await step(refusal, signal);
      if (more === false) return;
      // Settings that cannot be written are no reason not to renew a certificate by the CA that pods trust.
      if (more instanceof Failure) refusal = more;
      // Two controllers that meet at one object do not come back to it in step.
      if (count > 2) await delay(Math.random() * 50);
    }
    throw unsettled("the broker's Secrets or the settings", BROKER_CA);
  };
}

/** What was thrown, as a value. */
class Failure {
  readonly error: unknown;
  constructor(error: unknown) {
    this.error = error;
  }
}

const attempt = <T>(work: Promise<T>): Promise<T | Failure> =>
  work.catch((error: unknown) => new Failure(error));
