import { describe, expect, test } from "vitest";
import type { Durations } from "../../../injector/tls/durations.ts";
import { DURATIONS } from "../../../injector/tls/durations.ts";
import { bundleOf, inAll, lasting, nextAction, validAt, type TlsState } from "../../../injector/tls/plan.ts";
import { sights, type Sights } from "../../../injector/tls/seen.ts";
import { numbers } from "../../support/random-pods.ts";

const DAY = 24 * 60 * 60 * 1000;
const NAMES = ["podrole-injector.podrole-system.svc"];

/** What a replica serves by, and what it has seen. */
interface Replica {
  ca: string;
  state: TlsState | undefined;
  /** The same once it was trusted. */
  held: TlsState | undefined;
  /** Whether what it serves was trusted when it looked. */
  ready: boolean;
  looks: number;
  readonly sight: Sights;
}
const begun = (): Replica => ({
  ca: "",
  state: undefined,
  held: undefined,
  ready: false,
  looks: 0,
  sight: sights(),
});

/** Facts only, made as renew.ts makes certificates; years of them in a moment. */
interface World {
  now: number;
  state: TlsState;
  bundle: readonly string[];
  /** What an API server trusts, which hears of the bundle a little later. */
  trusted: readonly string[];
  readonly replicas: Replica[];
  made: number;
}

const NEVER = { notBefore: Infinity, notAfter: Infinity };

const newCa = (world: World, { caMs }: Durations) => ({
  pem: `CA ${(world.made += 1)}`,
  ...lasting(caMs, world.now),
  canSign: true,
});
type Ca = ReturnType<typeof newCa>;

function act(world: World, index: number, durations: Durations): string | undefined {
  const replica = world.replicas[index];
  if (replica === undefined) return undefined;
  const { state, now } = world;
  const bundles = [world.bundle];
  const well = validAt(replica.state?.serving ?? NEVER, now) && inAll(bundles, replica.ca);
  const { ca: by, serving } = state;
  if (by && serving?.byCa === true && validAt(serving, now) && serving.names.includes(NAMES[0] ?? "")) {
    if (!well || inAll(bundles, by.pem)) Object.assign(replica, { ca: by.pem, state });
    if (inAll(bundles, by.pem)) replica.held = state;
  }
  replica.ready = inAll(bundles, replica.ca);
  const situation = { state, bundles, names: NAMES, now, durations };
  const seen = replica.sight.see(situation, replica.looks);
  const action = nextAction({ ...situation, held: replica.held, seen });
  const servingBy = (one: Ca) => ({
    ...lasting(Math.min(durations.servingMs, one.notAfter - now), now),
    byCa: true,
    names: NAMES,
  });
  const { previous: _, ...alone } = state;
  switch (action?.do) {
    case "create": {
      const one = newCa(world, durations);
      world.state = { ca: one, serving: servingBy(one) };
      break;
    }
    case "restore":
      world.state = { ...replica.held, next: newCa(world, durations) };
      break;
    case "issue":
      world.state = { ...state, serving: servingBy(state.ca as Ca) };
      break;
    case "add-next":
      world.state = { ...state, next: newCa(world, durations) };
      break;
    case "switch": {
      const one = state.next as Ca;
      const { ca } = state;
      world.state = { ca: one, serving: servingBy(one), ...(ca ? { previous: ca } : {}) };
      break;
    }
    case "drop-previous":
      world.state = alone;
      break;
    case "patch":
      world.bundle = action.bundle;
      break;
    case "wait":
    case undefined:
      return undefined;
  }
  return action.do;
}

/** All that one replica finds to do at one moment. */
function look(world: World, index: number, durations: Durations): readonly string[] {
  const done: string[] = [];
  const replica = world.replicas[index];
  if (replica !== undefined) replica.looks += 1;
  for (let step = 0; step < 12; step += 1) {
    const action = act(world, index, durations);
    if (action === undefined) return done;
    done.push(action);
  }
  throw new Error(`never settles: ${done.join(" ")}`);
}

const begin = (durations: Durations, replicas = 3): World => {
  const world: World = {
    now: Date.UTC(2026, 0, 1),
    state: {},
    bundle: [],
    trusted: [],
    replicas: Array.from({ length: replicas }, begun),
    made: 0,
  };
  for (let index = 0; index < replicas; index += 1) look(world, index, durations);
  for (let index = 0; index < replicas; index += 1) look(world, index, durations);
  world.trusted = world.bundle;
  return world;
};

const accepted = ({ replicas, trusted, now }: World): boolean =>
  replicas.every(
    ({ ca, state }) => trusted.includes(ca) && state?.serving !== undefined && validAt(state.serving, now),
  );

describe("over years of ten-second looks", () => {
  // An hour for a day, so that some years are some 100,000 looks.
  const SHORT: Durations = {
    caMs: DAY,
    servingMs: 2 * 60 * 60 * 1000,
    settleMs: 120_000,
    overlapMs: 600_000,
    intervalMs: 10_000,
  };

  test("no replica ever serves what an API server a minute behind does not trust", () => {
    const world = begin(SHORT);
    const late: (readonly string[])[] = [];
    const cas = new Set<string>();
    for (let round = 0; round < 6 * 60 * 24 * 10; round += 1) {
      world.now += SHORT.intervalMs;
      look(world, round % 3, SHORT);
      look(world, (round + 1) % 3, SHORT);
      look(world, (round + 2) % 3, SHORT);
      late.push(world.bundle);
      if (late.length > 6) world.trusted = late.shift() ?? [];
      cas.add(world.state.ca?.pem ?? "");
      if (!accepted(world)) throw new Error(`refused in round ${round}: ${JSON.stringify(world)}`);
    }
    // The first, and in ten days fourteen more: each is followed after two thirds of its day and two minutes.
    expect(cas.size).toBe(15);
    expect(bundleOf(world.state).length).toBeLessThanOrEqual(2);
  });

  test.for([1, 2, 3, 4, 5, 6])(
    "whatever is deleted, wiped or put aside, all is well again within a minute (seed %i)",
    (seed) => {
      const next = numbers(seed);
      const pick = (most: number): number => Math.floor(next() * most);
      const world = begin(SHORT);
      for (let blow = 0; blow < 300; blow += 1) {
        world.now += pick(4 * 60 * 60 * 1000);
        const { ca, serving, next: to } = world.state;
        const blows: (() => void)[] = [
          () => (world.state = {}),
          () => (world.bundle = []),
          () => (world.bundle = ["foreign"]),
          () => (world.now += 8 * DAY),
          () => (world.now -= 8 * DAY),
          () => ca && (world.state = { ...world.state, ca: { ...ca, canSign: false } }),
          () => serving && (world.state = { ...world.state, serving: { ...serving, byCa: false } }),
          () => to && (world.state = { ...world.state, next: { ...to, notAfter: 0 } }),
          () => (world.replicas[pick(3)] = begun()),
          () => (world.state = { ...world.state, previous: newCa(world, SHORT) }),
        ];
        blows[pick(blows.length)]?.();
        for (let round = 0; round < 6; round += 1) {
          world.now += SHORT.intervalMs;
          for (const index of [0, 1, 2]) look(world, (round + index) % 3, SHORT);
          world.trusted = world.bundle;
        }
        expect({ blow, accepted: accepted(world) }).toEqual({ blow, accepted: true });
      }
    },
  );

  test.for([1, 2, 3, 4])(
    "whatever becomes of the Secret alone, no replica that serves is refused for a moment (seed %i)",
    (seed) => {
      const next = numbers(seed);
      const pick = (most: number): number => Math.floor(next() * most);
      const world = begin(SHORT);
      const foreign = (): TlsState => {
        const other = newCa(world, SHORT);
        const names = [NAMES, ["other"]][pick(2)] ?? [];
        const one = { ...lasting(SHORT.servingMs, world.now), byCa: pick(2) === 0, names };
        return { ca: { ...other, canSign: pick(2) === 0 }, serving: one };
      };
      for (let blow = 0; blow < 300; blow += 1) {
        const { ca, serving, next: to } = world.state;
        const blows: (() => void)[] = [
          () => (world.state = {}),
          () => (world.state = foreign()),
          () => (world.state = { ...world.state, next: newCa(world, SHORT) }),
          () => ca && (world.state = { ca: { ...ca, canSign: false } }),
          () => serving && (world.state = { ...world.state, serving: { ...serving, byCa: false } }),
          () => to && (world.state = { next: to }),
        ];
        blows[pick(blows.length)]?.();
        // One is started anew meanwhile, and looks first or later.
        if (pick(2) === 0) world.replicas[pick(3)] = begun();
        const first = pick(3);
        for (let turn = 0; turn < 6 + pick(60); turn += 1) {
          for (const index of [0, 1, 2]) {
            world.now += SHORT.intervalMs / 3;
            // What was trusted before a look is what a late API server goes by after it.
            const before = world.bundle;
            look(world, (first + index) % 3, SHORT);
            for (const trusted of [before, world.bundle]) {
              const refused = world.replicas.filter(({ ready, ca: by }) => ready && !trusted.includes(by));
              expect({ blow, refused }).toEqual({ blow, refused: [] });
            }
          }
        }
        expect(world.replicas.every(({ ready }) => ready)).toBe(true);
      }
    },
  );

  test("a clock eight days ahead, and set right again, costs nothing with the usual lifetimes", () => {
    const world = begin(DURATIONS);
    for (const jump of [8 * DAY, -8 * DAY, 15 * DAY, 8 * DAY]) {
      world.now += jump;
      const before = world.state;
      // Each replica looks once, in no order of importance.
      const held = world.replicas.every(
        ({ state }) => state?.serving !== undefined && state.serving.notAfter > world.now,
      );
      expect({ jump, held }).toEqual({ jump, held: true });
      for (let index = 0; index < 3; index += 1) look(world, index, DURATIONS);
      world.trusted = world.bundle;
      expect(accepted(world)).toBe(true);
      expect(world.state.ca).toEqual(before.ca);
    }
  });

  test("two replicas whose clocks are eight days apart come to rest", () => {
    const world = begin(DURATIONS, 2);
    let actions = 0;
    for (let round = 0; round < 60 * 24; round += 1) {
      world.now += 60 * 60 * 1000;
      actions += look(world, 0, DURATIONS).length;
      world.now += 8 * DAY;
      actions += look(world, 1, DURATIONS).length;
      world.now -= 8 * DAY;
      actions += look(world, 0, DURATIONS).length;
      look(world, 1, DURATIONS);
      world.trusted = world.bundle;
      expect(accepted(world)).toBe(true);
    }
    // 60 days: three renewals, and not one at each look.
    expect(actions).toBeLessThan(30);
  });
});
