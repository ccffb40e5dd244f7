import type { Durations } from "../../../injector/controller/durations.ts";
import { bundleOf, inAll, lasting, nextAction, type Situation } from "../../../injector/controller/plan.ts";
import { servable, validAt, type CaFacts, type TlsState } from "../../../injector/tls/state.ts";

export const DAY = 24 * 60 * 60 * 1000;
export const NAMES = ["podrole-injector.podrole-system.svc"];
/** An hour instead of a day, so that a few years take about 100,000 looks. */
export const SHORT: Durations = {
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
export const started = (): Controller => ({ known: undefined, roles: "", looks: 0 });

/** What an injector serves, by the rules of follow-secret.ts. */
export interface Injector {
  ca: string | undefined;
  serving: TlsState["serving"];
}
export const waiting = (): Injector => ({ ca: undefined, serving: undefined });

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

export function newCa(world: World): Ca {
  const one = { pem: `CA ${world.cas.size + 1}`, ...lasting(world.durations.caMs, world.now), canSign: true };
  world.cas.set(one.pem, one);
  return one;
}
export const servingBy = ({ now, durations }: World, one: CaFacts) => ({
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
export function look(world: World, after: () => void = () => {}): readonly string[] {
  const done: string[] = [];
  for (let step = 0; step < 12; step += 1) {
    const action = act(world, step === 0);
    if (action === undefined) return done;
    done.push(action);
    after();
  }
  throw new Error(`never settles: ${done.join(" ")}`);
}

export function follow({ state, now }: World, one: Injector): void {
  if (!servable(state, NAMES, now) || state.ca === undefined) return;
  const isValid = one.serving !== undefined && validAt(one.serving, now);
  const isAnnounced = [state.ca, ...state.previous].some(({ pem }) => pem === one.ca);
  if (isValid && !isAnnounced) return;

  Object.assign(one, { ca: state.ca.pem, serving: state.serving });
}

export const begin = (durations: Durations): World => {
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
export const refused = ({ injectors, now, bundle }: World, trusted = bundle): readonly Injector[] =>
  injectors.filter(
    ({ ca, serving }) => serving === undefined || !validAt(serving, now) || !trusted.includes(ca ?? ""),
  );
