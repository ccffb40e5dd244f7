import { describe, expect, test } from "vitest";
import { byClock, nextBrokerAction, type BrokerSituation } from "../../../injector/controller/broker-plan.ts";
import { BROKER_DURATIONS } from "../../../injector/controller/durations.ts";
import { lasting } from "../../../injector/controller/plan.ts";
import { streak } from "../../../injector/controller/streak.ts";
import { validAt, type CaFacts, type TlsState } from "../../../injector/tls/state.ts";
import { handClock, type HandClock } from "../../support/hand-clock.ts";
import { numbers } from "../../support/random-pods.ts";

const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;
const NAMES = ["podrole-broker.podrole-system.svc"];

/** Certificates as plain facts, made by the rules of broker-secrets.ts, so that decades take a moment. */
interface World {
  readonly clock: HandClock;
  authorities: TlsState;
  served: TlsState;
  /** The CAs in brokerCa, which each new pod trusts for its life. */
  bundle: readonly string[];
  /** A look every six hours; a clock is believed after two. */
  readonly look: () => readonly string[];
}

function world(): World {
  const clock = handClock();
  const durations = { ...BROKER_DURATIONS, confirmMs: 12 * HOUR, intervalMs: 6 * HOUR };
  const lookCount = streak();
  let [cas, looks] = [0, 0];
  const newCa = () => {
    cas += 1;
    return { pem: `CA ${cas}`, ...lasting(durations.caMs, clock.now()), canSign: true };
  };
  const step = (): string | undefined => {
    const time = { authorities: one.authorities, now: clock.now(), durations };
    const { ca, next } = one.authorities;
    const asked = byClock(time);
    const what = asked && JSON.stringify([asked, ca?.pem, next?.pem]);
    const situation: BrokerSituation = {
      ...time,
      served: one.served,
      bundle: { own: one.bundle, others: [], isCanonical: true },
      confirmedMs: lookCount(what, looks) * durations.intervalMs,
      names: NAMES,
    };
    const action = nextBrokerAction(situation);
    switch (action?.do) {
      case "create":
        one.authorities = { ca: newCa(), previous: [] };
        break;
      case "add-next":
        one.authorities = { ...one.authorities, next: newCa() };
        break;
      case "switch":
        one.authorities = {
          ca: next as CaFacts & { canSign: boolean },
          previous: ca === undefined ? [] : [ca],
        };
        break;
      case "publish":
        one.bundle = action.pems;
        break;
      case "issue": {
        const by = ca as CaFacts & { canSign: boolean };
        const span = lasting(Math.min(durations.servingMs, by.notAfter - clock.now()), clock.now());
        one.served = { ca: by, serving: { ...span, byCa: true, names: NAMES }, previous: [] };
        break;
      }
      case undefined:
    }
    return action?.do;
  };
  const one: World = {
    clock,
    authorities: { previous: [] },
    served: { previous: [] },
    bundle: [],
    look: () => {
      looks += 1;
      const done: string[] = [];
      for (let action = step(); action !== undefined; action = step()) {
        done.push(action);
        if (done.length > 12) throw new Error(`never settles: ${done.join(" ")}`);
      }
      return done;
    },
  };
  return one;
}

const connects = ({ clock, served: { ca, serving } }: World, pod: readonly string[]): boolean =>
  ca !== undefined &&
  serving !== undefined &&
  validAt(ca, clock.now()) &&
  validAt(serving, clock.now()) &&
  pod.includes(ca.pem);

describe("over thirty years of the broker's CAs", () => {
  test("every pod that was made within the last three years connects at each moment", () => {
    const one = world();
    one.look();
    // Pods of one period have the same CAs, so the oldest of each kind stands for all.
    const pods: { readonly cas: readonly string[]; last: number }[] = [];
    const seen = new Set<string>();
    for (let gone = 0; gone < 30 * YEAR; gone += 6 * HOUR) {
      one.clock.jump(6 * HOUR);
      one.look();
      const now = one.clock.now();
      const latest = pods.at(-1);
      if (latest?.cas.join() === one.bundle.join()) latest.last = now;
      else pods.push({ cas: one.bundle, last: now });
      seen.add(one.served.ca?.pem ?? "");
      const refused = pods.filter(({ cas, last }) => now - last <= 3 * YEAR && !connects(one, cas));
      if (refused.length > 0) throw new Error(`on day ${gone / DAY}: ${JSON.stringify([refused, one])}`);
      expect(one.bundle.length).toBeLessThanOrEqual(2);
    }
    // The first serves for nearly ten years. Each of the others was made when two thirds of the life before were over.
    expect([...seen]).toEqual(["CA 1", "CA 2", "CA 3", "CA 4", "CA 5"]);
  });

  test.for([1, 2, 3, 4, 5, 6])(
    "a pod that is made after a loss connects for three years of good order, and older ones until the certificate ends (seed %i)",
    (seed) => {
      const next = numbers(seed);
      const pick = (most: number): number => Math.floor(next() * most);
      const one = world();
      one.look();
      for (let damage = 0; damage < 200; damage += 1) {
        one.clock.jump(pick(2 * YEAR));
        // A cluster that was paused past the end of its CA believes the clock after some looks.
        for (let looks = 0; looks < 4; looks += 1) one.look();
        const before = { served: one.served, bundle: one.bundle };
        const { ca, next: to } = one.authorities;
        const damages: readonly (() => void)[] = [
          () => (one.authorities = { previous: [] }),
          () => ca && (one.authorities = { ...one.authorities, ca: { ...ca, canSign: false } }),
          () => to && (one.authorities = { next: to, previous: [] }),
          () => ca && (one.authorities = { ca, previous: [] }),
          () => (one.bundle = []),
        ];
        damages[pick(damages.length)]?.();
        one.look();
        const made = one.bundle;
        // What is served was not touched, so every pod of before goes on.
        expect([damage, one.served.ca, connects(one, before.bundle)]).toEqual([
          damage,
          before.served.ca,
          true,
        ]);
        for (let gone = 0; gone < 40 * DAY; gone += 6 * HOUR) {
          one.clock.jump(6 * HOUR);
          one.look();
          if (!connects(one, made) || !connects(one, one.bundle)) {
            throw new Error(`damage ${damage}: ${JSON.stringify([made, one])}`);
          }
        }
      }
    },
  );
});
