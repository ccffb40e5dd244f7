import { X509Certificate } from "node:crypto";
import { DURATIONS } from "../../../injector/controller/durations.ts";
import { certificateKeeper } from "../../../injector/controller/keep-certificates.ts";
import type { Action } from "../../../injector/controller/plan.ts";
import type { KeyPair } from "../../../injector/tls/certificates.ts";
import { secretFollower, type SecretFollower } from "../../../injector/tls/follow-secret.ts";
import { certificatesIn } from "../../../injector/tls/pem.ts";
import { served, type Served } from "../../../injector/tls/served.ts";
import { secretOf, storedIn, type Stored } from "../../../injector/tls/stored.ts";
import { fakeTlsApi, PLACES, type FakeTlsApi } from "../../support/fake-tls-api.ts";
import { handClock, type HandClock } from "../../support/hand-clock.ts";
import { logLines, type LogLine } from "../../support/log-lines.ts";

export const DAY = 24 * 60 * 60 * 1000;
export const NAMES = ["podrole-injector.podrole-system.svc", "podrole-injector"] as const;
export const never = new AbortController().signal;

/** The usual durations with an overlap of ten minutes: an hour of looks would take long. */
export const durations = { ...DURATIONS, overlapMs: 600_000 };

export interface Controller {
  readonly round: () => Promise<void>;
  readonly actions: readonly Action["do"][];
  readonly lines: readonly LogLine[];
}

export function controller(api: FakeTlsApi, clock: HandClock, names: readonly string[] = NAMES): Controller {
  const { log, lines } = logLines();
  const actions: Action["do"][] = [];
  const keeper = certificateKeeper({
    api,
    clock,
    log,
    places: PLACES,
    names,
    durations,
    observe: (action) => void actions.push(action),
  });
  return { round: () => keeper.round(never), actions, lines };
}

/** The part of an injector's replica that follows the certificate. */
export interface Injector {
  /** Looks once. Its error is kept in `trouble`. */
  readonly look: () => Promise<void>;
  readonly follower: SecretFollower;
  readonly served: Served;
  /** The certificates that it has served, the latest last. */
  readonly pairs: readonly KeyPair[];
  readonly lines: readonly LogLine[];
}

export function injector(api: FakeTlsApi, clock: HandClock): Injector {
  const { log, lines } = logLines();
  const pairs: KeyPair[] = [];
  const holder = served({ now: () => clock.now(), apply: (pair) => void pairs.push(pair) });
  const follower = secretFollower({ api, clock, log, place: PLACES, name: NAMES[0], served: holder });
  return {
    look: () => follower.look(never).catch(() => undefined),
    follower,
    served: holder,
    pairs,
    lines,
  };
}

/** A controller and an injector after their first looks. */
export async function begun(): Promise<{
  api: FakeTlsApi;
  clock: HandClock;
  keeps: Controller;
  serves: Injector;
}> {
  const [api, clock] = [fakeTlsApi(), handClock()];
  const [keeps, serves] = [controller(api, clock), injector(api, clock)];
  await keeps.round();
  await serves.look();
  return { api, clock, keeps, serves };
}

/** Whether an API server that trusts these bundles accepts what an injector serves. */
export function accepted(api: FakeTlsApi, { pairs }: Injector, bundles = api.bundles()): boolean {
  const { cert } = pairs.at(-1) ?? {};
  if (cert === undefined) return false;
  const leaf = new X509Certificate(cert);
  return bundles.every((bundle) =>
    certificatesIn(bundle).some((ca) => leaf.verify(new X509Certificate(ca).publicKey)),
  );
}

export const stored = (api: FakeTlsApi): Stored => storedIn(api.secret() ?? {});
export const put = (api: FakeTlsApi, one: Stored): void =>
  api.setSecret(secretOf(one, PLACES.secret, PLACES.namespace));
/** The number of CAs in each caBundle. */
export const bundled = (api: FakeTlsApi): readonly number[] =>
  api.bundles().map((bundle) => certificatesIn(bundle).length);
/** The keys of the Secret that are not empty. */
export const keysIn = (api: FakeTlsApi): readonly string[] =>
  Object.entries(api.secret()?.["data"] ?? {})
    .filter(([, value]) => value !== "")
    .map(([key]) => key)
    .toSorted();
