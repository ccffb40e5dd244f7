import { X509Certificate } from "node:crypto";
import { BROKER_DURATIONS } from "../../../injector/controller/durations.ts";
import type { BrokerCas, BrokerObserver } from "../../../injector/controller/broker-observer.ts";
import { brokerKeeper } from "../../../injector/controller/keep-broker-certificates.ts";
import type { BrokerAction } from "../../../injector/controller/broker-plan.ts";
import type { KeyPair } from "../../../injector/tls/certificates.ts";
import { secretFollower } from "../../../injector/tls/follow-secret.ts";
import { serviceNames } from "../../../injector/tls/options.ts";
import { certificatesIn } from "../../../injector/tls/pem.ts";
import { served } from "../../../injector/tls/served.ts";
import { secretOf, storedIn, type Stored } from "../../../injector/tls/stored.ts";
import { fakeObjects, type FakeObjects } from "../../support/fake-objects.ts";
import { handClock, type HandClock } from "../../support/hand-clock.ts";
import { logLines, type LogLine } from "../../support/log-lines.ts";

export const DAY = 24 * 60 * 60 * 1000;
export const NAMESPACE = "podrole-system";
export const CONFIG = "podrole-config";
export const CA_SECRET = "podrole-broker-ca";
export const TLS_SECRET = "podrole-broker-tls";
export const HOST = "podrole-broker.podrole-system.svc";
export const never = new AbortController().signal;
/** A clock is believed after a minute of looks: an hour of them would take long. */
export const durations = { ...BROKER_DURATIONS, confirmMs: 60_000 };

export interface Controller {
  readonly round: () => Promise<void>;
  readonly actions: readonly BrokerAction["do"][];
  readonly lines: readonly LogLine[];
  readonly losses: () => number;
  readonly cas: () => BrokerCas | undefined;
}

/** @param more names in the broker's certificate. @param observer that is told too */
export function controller(
  api: FakeObjects,
  clock: HandClock,
  more: readonly string[] = [],
  observer?: BrokerObserver,
): Controller {
  const { log, lines } = logLines();
  const actions: BrokerAction["do"][] = [];
  let [losses, cas]: [number, BrokerCas | undefined] = [0, undefined];
  const round = brokerKeeper({
    api,
    clock,
    log,
    places: { namespace: NAMESPACE, authorities: CA_SECRET, served: TLS_SECRET },
    configMap: CONFIG,
    names: [...serviceNames("podrole-broker", NAMESPACE), ...more],
    durations,
    observe: {
      action: (action) => {
        actions.push(action);
        observer?.action(action);
      },
      cas: (seen) => {
        cas = seen;
        observer?.cas(seen);
      },
      lost: () => {
        losses += 1;
        observer?.lost();
      },
    },
  });
  return { round: () => round(never), actions, lines, losses: () => losses, cas: () => cas };
}

/** The part of a broker's replica that follows the certificate. */
export interface Broker {
  readonly look: () => Promise<void>;
  /** What it serves. */
  readonly pair: () => KeyPair | undefined;
}

export function broker(api: FakeObjects, clock: HandClock): Broker {
  let pair: KeyPair | undefined;
  const { log } = logLines();
  const follower = secretFollower({
    api,
    clock,
    log,
    place: { secret: TLS_SECRET, namespace: NAMESPACE },
    name: HOST,
    served: served({ now: () => clock.now(), apply: (next) => void (pair = next) }),
  });
  return { look: () => follower.look(never).catch(() => undefined), pair: () => pair };
}

/** A controller and a broker after their first looks, at an API server with settings. */
export async function begun(): Promise<{
  api: FakeObjects;
  clock: HandClock;
  keeps: Controller;
  serves: Broker;
}> {
  const [api, clock] = [withSettings(), handClock()];
  const [keeps, serves] = [controller(api, clock), broker(api, clock)];
  await keeps.round();
  await serves.look();
  return { api, clock, keeps, serves };
}

export function withSettings(data: Readonly<Record<string, string>> = {}): FakeObjects {
  const api = fakeObjects();
  api.set(CONFIG, { metadata: { name: CONFIG }, data: { source: "broker", ...data } });
  return api;
}

export const bundle = (api: FakeObjects): string => api.object(CONFIG)?.data?.["brokerCa"] ?? "";
export const trusted = (api: FakeObjects): readonly string[] => certificatesIn(bundle(api));
export const authorities = (api: FakeObjects): Stored => storedIn(api.object(CA_SECRET) ?? {});
export const tls = (api: FakeObjects): Stored => storedIn(api.object(TLS_SECRET) ?? {});
export const setBundle = (api: FakeObjects, brokerCa: string): void =>
  api.set(CONFIG, { ...api.object(CONFIG), data: { source: "broker", brokerCa } });
export const setAuthorities = (api: FakeObjects, stored: Stored): void =>
  api.set(CA_SECRET, secretOf(stored, CA_SECRET, NAMESPACE, api.object(CA_SECRET), "Opaque"));
export const setTls = (api: FakeObjects, stored: Stored): void =>
  api.set(TLS_SECRET, secretOf(stored, TLS_SECRET, NAMESPACE));

/** Whether a pod that was made with these CAs accepts what the broker serves. */
export function connects(pod: string, { pair }: Broker, clock: HandClock): boolean {
  const { cert } = pair() ?? {};
  if (cert === undefined) return false;
  const [leaf, now] = [new X509Certificate(cert), clock.now()];
  const isValid = ({ validFromDate, validToDate }: X509Certificate): boolean =>
    validFromDate.getTime() <= now && now < validToDate.getTime();
  return (
    isValid(leaf) &&
    leaf.checkHost(HOST) !== undefined &&
    certificatesIn(pod)
      .map((pem) => new X509Certificate(pem))
      .some((ca) => isValid(ca) && leaf.checkIssued(ca) && leaf.verify(ca.publicKey))
  );
}
