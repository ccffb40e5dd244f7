import type { Durations } from "./durations.ts";

/** When a certificate is good. Milliseconds since the epoch. */
export interface Span {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A CA's certificate. */
export interface CaFacts extends Span {
  /** Canonical PEM: what tells two CAs apart. */
  readonly pem: string;
}

/** What the Secret holds, without a key. What could not be read is absent. */
export interface TlsState {
  /** `canSign`: its key is there and is its own. */
  readonly ca?: CaFacts & { readonly canSign: boolean };
  /** `byCa`: signed by the CA above, its key its own. `names`: by which clients may call it. */
  readonly serving?: Span & { readonly byCa: boolean; readonly names: readonly string[] };
  /** The CA to come, which signs nothing yet. */
  readonly next?: CaFacts;
  /** The CA that was, which certificates of replicas that lag behind are signed by. */
  readonly previous?: CaFacts;
}

export interface Situation {
  readonly state: TlsState;
  /** What this replica serves by and has seen the API servers trust; or undefined. */
  readonly held: TlsState | undefined;
  /** The certificates in each webhook's caBundle, canonical PEM; undefined where that is not known. */
  readonly bundles: readonly (readonly string[])[] | undefined;
  /** The first is the one that API servers check. */
  readonly names: readonly string[];
  readonly now: number;
  readonly durations: Durations;
  readonly seen: Seen;
}

/**
 * For how long this replica has seen something without a break, in milliseconds. By its own looks and by no clock: not
 * by a moment that another has noted, since their clocks may differ by more than there is to wait.
 */
export interface Seen {
  /** `next` in every caBundle. */
  readonly bundledMs: number;
  /** `previous` beside the `ca` of now. */
  readonly switchedMs: number;
  /** Nothing in the Secret to go on with, see {@link isLost}. */
  readonly lostMs: number;
}

export type Action =
  /** A new CA and a certificate by it: there is nothing to build on. */
  | { readonly do: "create" }
  /** The Secret is gone, spoilt or another, and this replica serves well: write it again, and begin a rotation. */
  | { readonly do: "restore" }
  /** There is nothing to build on, but others may serve by what the API servers trust: they write it again first. */
  | { readonly do: "wait" }
  /** A new serving certificate by the same CA. */
  | { readonly do: "issue" }
  | { readonly do: "add-next" }
  /** `next` becomes the CA, with a serving certificate by it; the CA becomes `previous`. */
  | { readonly do: "switch" }
  | { readonly do: "drop-previous" }
  | { readonly do: "patch"; readonly bundle: readonly string[] };

/**
 * The one next thing to do, or undefined when all is as it should be. Every replica asks, every ten seconds and after
 * every step, with the wall clock of that moment: what a paused cluster has missed is due at once.
 *
 * The order is what keeps admissions: what is served is mended first, then what the API servers trust, and only then is
 * anything replaced that still holds. A new CA is in the bundles before a certificate by it is served, and the old one
 * stays in them until no replica can still be serving by it.
 */
export function nextAction(situation: Situation): Action | undefined {
  const { state, names, now, durations } = situation;
  const { ca, serving, next } = state;
  const sound = ca !== undefined && validAt(ca, now);
  const good = sound && servable(state, names, now);
  const mendable = sound && ca.canSign;
  if (restorable(situation) && ((!good && !mendable) || isStrange(situation))) return { do: "restore" };
  if (isLost(situation) && othersMayServe(situation)) return { do: "wait" };
  if (!good) {
    if (mendable) return { do: "issue" };
    return { do: next !== undefined && validAt(next, now) ? "switch" : "create" };
  }
  const step = bundleStep(situation) ?? rotationStep(situation);
  if (step !== undefined) return step;
  const longer = Math.min(now + durations.servingMs, ca.notAfter) > (serving?.notAfter ?? 0) + MINUTE_MS;
  // The one that ends with its CA cannot be renewed to last longer; the CA's own rotation is what helps there.
  return ca.canSign && serving !== undefined && now >= renewalOf(serving) && longer
    ? { do: "issue" }
    : undefined;
}

/** Whether the Secret holds nothing to serve by, or nothing that any API server trusts. */
export function isLost({ state, bundles, names, now }: Omit<Situation, "held" | "seen">): boolean {
  const { ca } = state;
  if (ca === undefined || !validAt(ca, now) || !(ca.canSign || servable(state, names, now))) return true;
  const known = bundleOf(state);
  return bundles !== undefined && !bundles.some((bundle) => bundle.some((pem) => known.includes(pem)));
}

/** What the API servers are to trust, in the order in which it came to be. */
export const bundleOf = ({ previous, ca, next }: TlsState): readonly string[] => [
  ...new Set([previous, ca, next].flatMap((one) => (one === undefined ? [] : [one.pem]))),
];

export const validAt = ({ notBefore, notAfter }: Span, now: number): boolean =>
  notBefore <= now && now < notAfter;

/**
 * What is made to last for so long, from now on. It is good from a third of that before, so that clocks which are behind
 * the one that it was made by take it too: an API server has no other to take.
 */
export const lasting = (ms: number, now: number): Span => ({ notBefore: now - ms / 3, notAfter: now + ms });

/** Two thirds of the way from its making to its end: a third is left to notice that renewal does not work. */
export const renewalOf = ({ notBefore, notAfter }: Span): number => notAfter - (notAfter - notBefore) / 4;

const MINUTE_MS = 60_000;

/** Whether its certificate can be served. One from a clock that was ahead is not valid yet, and as bad as none. */
const servable = ({ serving }: TlsState, names: readonly string[], now: number): boolean =>
  serving !== undefined &&
  serving.byCa &&
  validAt(serving, now) &&
  names.every((name) => serving.names.includes(name));

/** Whether what this replica serves by could be in the Secret as it is. */
const restorable = ({ held, names, now }: Situation): boolean =>
  held?.ca !== undefined && validAt(held.ca, now) && servable(held, names, now);

/** A CA that nobody has announced, where the API servers trust the one served by: it has to be the next one first. */
function isStrange({ state: { ca, previous }, held, bundles }: Situation): boolean {
  const ours = held?.ca?.pem;
  if (ours === undefined || ca?.pem === ours || previous?.pem === ours || bundles === undefined) return false;
  return inAll(bundles, ours) && !inAll(bundles, ca?.pem);
}

/** How many looks of theirs others are given. */
const PATIENCE_LOOKS = 3;

/**
 * Whether others may serve by what the API servers trust, and need only look to write it into the Secret again. A new
 * replica that made a CA at once would take theirs away. One that has served itself holds what they hold.
 */
function othersMayServe({ state: { ca }, held, bundles, now, seen, durations }: Situation): boolean {
  if (held !== undefined || seen.lostMs >= PATIENCE_LOOKS * durations.intervalMs) return false;
  const ended = ca === undefined || validAt(ca, now) ? undefined : ca.pem;
  return bundles?.some((bundle) => bundle.some((pem) => pem !== ended)) ?? false;
}

function bundleStep({ state, bundles }: Situation): Action | undefined {
  const bundle = bundleOf(state);
  return bundles === undefined || bundles.every((held) => sameSet(held, bundle))
    ? undefined
    : { do: "patch", bundle };
}

function rotationStep({ state, bundles, now, durations, seen }: Situation): Action | undefined {
  const { ca, next, previous } = state;
  if (next !== undefined) {
    if (!validAt(next, now)) return { do: "add-next" };
    return bundles !== undefined && seen.bundledMs >= durations.settleMs ? { do: "switch" } : undefined;
  }
  if (previous !== undefined)
    return seen.switchedMs >= durations.overlapMs || !validAt(previous, now)
      ? { do: "drop-previous" }
      : undefined;
  return ca !== undefined && (!ca.canSign || now >= renewalOf(ca)) ? { do: "add-next" } : undefined;
}

export const inAll = (bundles: readonly (readonly string[])[], pem: string | undefined): boolean =>
  pem !== undefined && bundles.every((bundle) => bundle.includes(pem));

export const sameSet = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((entry) => other.includes(entry));
