import { describe, expect, test } from "vitest";
import { DURATIONS, type Durations } from "../../../injector/controller/durations.ts";
import { bundleOf, inAll, lasting, nextAction, type Situation } from "../../../injector/controller/plan.ts";
import { servable, validAt, type CaFacts, type TlsState } from "../../../injector/tls/state.ts";
import { numbers } from "../../support/random-pods.ts";

const DAY = 24 * 60 * 60 * 1000;
const NAMES = ["podrole-injector.podrole-system.svc"];
/** An hour instead of a day, so that a few years take about 100,000 looks. */
const SHORT: Durations = {
  caMs: DAY,
  servingMs: 2 * 60 * 60 * 1000,
  settleMs: 120_000,
  lostMs: 30_000,
  overlapMs: 600_000,
  intervalMs: 10_000,
};

/** What a controller remembers from one look to the next, as keep-certificates.ts does. */
interface Controller {
  known: string | undefined;
  roles: string;
  looks: number;
}
const started = (): Controller => ({ known: undefined, roles: "", looks: 0 });

/** What an injector serves, by the rules of follow-secret.ts. */
interface Injector {
  ca: string | undefined;
  serving: TlsState["serving"];
}
const waiting = (): Injector => ({ ca: undefined, serving: undefined });

/** Certificates as plain facts, made by the rules of renew.ts, so that years take a moment. */
interface World {
  now: number;
  state: TlsState;
  bundle: readonly string[];
  controller: Controller;
  readonly injectors: Injector[];
  readonly cas: Map<string, CaFacts>;
  readonly durations: Durations;
}
type Ca = CaFacts & { readonly canSign: boolean };

function newCa(world: World): Ca {
  const one = { pem: `CA ${world.cas.size + 1}`, ...lasting(world.durations.caMs, world.now), canSign: true };
  world.cas.set(one.pem, one);
  return one;
}
const servingBy = ({ now, durations }: World, one: CaFacts) => ({
  ...lasting(Math.min(durations.servingMs, one.notAfter - now), now),
  byCa: true,
  names: NAMES,
});

function situationOf({ now, state, bundle, controller, cas, durations }: World, isFirst: boolean): Situation {
  const bundles = [bundle];
  const roles = JSON.stringify([state.previous, state.ca?.pem, state.next?.pem]);
  const isTrusted = bundleOf(state).every((pem) => bundle.includes(pem));
  if (inAll(bundles, state.ca?.pem)) controller.known = state.ca?.pem;
  if (!isTrusted || controller.roles !== roles) controller.looks = 0;
  else if (isFirst) controller.looks += 1;
  controller.roles = isTrusted ? roles : "";
  const trusted = bundle.flatMap((pem) => cas.get(pem) ?? []);
  const settledMs = controller.looks * durations.intervalMs;
  return { state, bundles, trusted, known: controller.known, settledMs, names: NAMES, now, durations };
}

/** One step of the controller. @returns what it did, or undefined */
function act(world: World, isFirst: boolean): string | undefined {
  const { state, now, cas } = world;
  const action = nextAction(situationOf(world, isFirst));
  const facts = (pems: readonly string[]): CaFacts[] => pems.flatMap((pem) => cas.get(pem) ?? []);
  switch (action?.do) {
    case "announce": {
      const able = [state.next as Ca | undefined, state.ca].find((one) => one?.canSign && validAt(one, now));
      const next = able ?? newCa(world);
      world.state = { next, previous: facts(action.previous.filter((pem) => pem !== next.pem)) };
      break;
    }
    case "patch":
      world.bundle = action.bundle;
      break;
    case "switch": {
      const next = state.next as Ca;
      const previous = [...state.previous, ...(state.ca ? [state.ca] : [])].filter((one) =>
        validAt(one, now),
      );
      world.state = { ca: next, serving: servingBy(world, next), previous };
      break;
    }
    case "issue":
      world.state = { ...state, serving: servingBy(world, state.ca as Ca) };
      break;
    case "add-next":
      world.state = { ...state, next: newCa(world) };
      break;
    case "drop-previous":
      world.state = { ...state, previous: [] };
      break;
    case undefined:
      return undefined;
  }
  return action?.do;
}

/** Runs all steps of the controller at one moment. `after` is called after each step. */
function look(world: World, after: () => void = () => {}): readonly string[] {
  const done: string[] = [];
  for (let step = 0; step < 12; step += 1) {
    const action = act(world, step === 0);
    if (action === undefined) return done;
    done.push(action);
    after();
  }
  throw new Error(`never settles: ${done.join(" ")}`);
}

function follow({ state, now }: World, one: Injector): void {
  if (!servable(state, NAMES, now) || state.ca === undefined) return;
  const isValid = one.serving !== undefined && validAt(one.serving, now);
  const isAnnounced = [state.ca, ...state.previous].some(({ pem }) => pem === one.ca);
  if (isValid && !isAnnounced) return;

  Object.assign(one, { ca: state.ca.pem, serving: state.serving });
}

const begin = (durations: Durations): World => {
  const world: World = {
    now: Date.UTC(2026, 0, 1),
    state: { previous: [] },
    bundle: [],
    controller: started(),
    injectors: [waiting(), waiting()],
    cas: new Map(),
    durations,
  };
  look(world);
  for (const one of world.injectors) follow(world, one);
  return world;
};

/** The injectors whose certificate an API server with this caBundle refuses. */
const refused = ({ injectors, now, bundle }: World, trusted = bundle): readonly Injector[] =>
  injectors.filter(
    ({ ca, serving }) => serving === undefined || !validAt(serving, now) || !trusted.includes(ca ?? ""),
  );

describe("over years of ten-second looks", () => {
  test("an API server that is a minute behind trusts every certificate that an injector serves", () => {
    const world = begin(SHORT);
    const late: (readonly string[])[] = [];
    const cas = new Set<string>();
    for (let round = 0; round < 6 * 60 * 24 * 10; round += 1) {
      world.now += SHORT.intervalMs;
      // Now and then the controller restarts, and one injector is away for some minutes.
      if (round % 5000 === 0) world.controller = started();
      look(world);
      late.push(world.bundle);
      const trusted = late.length > 6 ? late.shift() : undefined;
      if (round % 3000 < 2950) follow(world, world.injectors[0] as Injector);
      follow(world, world.injectors[1] as Injector);
      cas.add(world.state.ca?.pem ?? "");
      if (trusted && refused(world, trusted).length > 0) {
        throw new Error(`refused in round ${round}: ${JSON.stringify(world)}`);
      }
    }
    // The first and, in ten days, fourteen more: each is replaced after two thirds of a day and two minutes.
    expect(cas.size).toBe(15);
    expect(bundleOf(world.state).length).toBeLessThanOrEqual(2);
  });

  test.for([1, 2, 3, 4, 5, 6])(
    "API servers trust all injectors within a minute after anything was deleted, emptied or replaced (seed %i)",
    (seed) => {
      const next = numbers(seed);
      const pick = (most: number): number => Math.floor(next() * most);
      const world = begin(SHORT);
      for (let damage = 0; damage < 300; damage += 1) {
        world.now += pick(4 * 60 * 60 * 1000);
        const { ca, serving, next: to } = world.state;
        const damages: (() => void)[] = [
          () => (world.state = { previous: [] }),
          () => (world.bundle = []),
          () => (world.bundle = [newCa(world).pem]),
          () => (world.now += 8 * DAY),
          () => (world.now -= 8 * DAY),
          () => ca && (world.state = { ...world.state, ca: { ...ca, canSign: false } }),
          () => serving && (world.state = { ...world.state, serving: { ...serving, byCa: false } }),
          () => to && (world.state = { ...world.state, next: { ...to, notAfter: 0 } }),
          () => (world.injectors[pick(2)] = waiting()),
          () => (world.controller = started()),
          () => (world.state = { ...world.state, previous: [newCa(world)] }),
        ];
        damages[pick(damages.length)]?.();
        for (let round = 0; round < 6; round += 1) {
          world.now += SHORT.intervalMs;
          look(world);
          for (const one of world.injectors) follow(world, one);
        }
        expect({ damage, refused: refused(world) }).toEqual({ damage, refused: [] });
      }
    },
  );

  test.for([1, 2, 3, 4])(
    "API servers trust every serving injector at each moment when only the Secret is damaged (seed %i)",
    (seed) => {
      const next = numbers(seed);
      const pick = (most: number): number => Math.floor(next() * most);
      const world = begin(SHORT);
      const losses: string[] = [];
      const foreign = (): TlsState => {
        const other = newCa(world);
        const one = {
          ...servingBy(world, other),
          byCa: pick(2) === 0,
          names: [NAMES, ["other"]][pick(2)] ?? [],
        };
        return { ca: { ...other, canSign: pick(2) === 0 }, serving: one, previous: [] };
      };
      for (let damage = 0; damage < 300; damage += 1) {
        const { ca, serving, next: to } = world.state;
        const damages: (() => void)[] = [
          () => (world.state = { previous: [] }),
          () => (world.state = foreign()),
          () => (world.state = { ...world.state, next: newCa(world) }),
          () => ca && (world.state = { ca: { ...ca, canSign: false }, previous: [] }),
          () => serving && (world.state = { ...world.state, serving: { ...serving, byCa: false } }),
          () => to && (world.state = { next: to, previous: [] }),
        ];
        damages[pick(damages.length)]?.();
        // The controller may restart meanwhile. A restarted injector would wait, and would not be called.
        if (pick(2) === 0) world.controller = started();
        const isBefore = pick(2) === 0;
        const check = (before: readonly string[]): void => {
          for (const trusted of [before, world.bundle]) {
            const serves = refused(world, trusted).filter((one) => one.serving !== undefined);
            if (serves.length > 0) losses.push(`damage ${damage}: ${JSON.stringify(serves)}`);
          }
        };
        for (let turn = 0; turn < 6 + pick(60); turn += 1) {
          world.now += SHORT.intervalMs;
          if (isBefore) for (const one of world.injectors) follow(world, one);
          // After a step, a late API server still trusts what it trusted before.
          let before = world.bundle;
          look(world, () => {
            for (const one of world.injectors) follow(world, one);
            check(before);
            before = world.bundle;
          });
          for (const one of world.injectors) follow(world, one);
          check(before);
        }
      }
      expect(losses).toEqual([]);
    },
  );

  test("a clock that jumps eight days ahead and back does no harm with the usual lifetimes", () => {
    const world = begin(DURATIONS);
    for (const jump of [8 * DAY, -8 * DAY, 15 * DAY, 8 * DAY]) {
      world.now += jump;
      const { ca } = world.state;
      expect({ jump, refused: refused(world) }).toEqual({ jump, refused: [] });
      look(world);
      for (const one of world.injectors) follow(world, one);
      expect(refused(world)).toEqual([]);
      expect(world.state.ca).toEqual(ca);
    }
  });
});
