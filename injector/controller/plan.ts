import { servable, validAt, type CaFacts, type Span, type TlsState } from "../tls/state.ts";
import type { Durations } from "./durations.ts";

export interface Situation {
  readonly state: TlsState;
  /** The certificates in each webhook's caBundle, canonical PEM; undefined where they could not be read. */
  readonly bundles: readonly (readonly string[])[] | undefined;
  /** The CAs among them. */
  readonly trusted: readonly CaFacts[];
  /** The CA that this controller last saw both in the Secret and in every caBundle. */
  readonly known: string | undefined;
  /** For how long this controller has seen the same CAs in the Secret and all of them in every caBundle, without a break. */
  readonly settledMs: number;
  /** By which API servers call the injector. */
  readonly names: readonly string[];
  readonly now: number;
  readonly durations: Durations;
}

export type Action =
  /**
   * API servers trust no CA that could sign: the next CA is named alone, with no serving certificate. `previous`: CAs
   * that API servers trust now, by which replicas may be serving.
   */
  | { readonly do: "announce"; readonly previous: readonly string[] }
  | { readonly do: "patch"; readonly bundle: readonly string[] }
  /** `next` becomes the CA, with a serving certificate by it; the CA becomes a previous one. */
  | { readonly do: "switch" }
  /** A new serving certificate by the same CA. */
  | { readonly do: "issue" }
  | { readonly do: "add-next" }
  | { readonly do: "drop-previous" };

/**
 * The next step, or undefined if none is due. Called every ten seconds and after every step, with the wall clock of that
 * moment: steps that a paused cluster has missed are due at once.
 *
 * Two rules keep admissions:
 * - A CA is in every caBundle before a certificate by it is in the Secret.
 * - A CA by which a replica may serve stays in every caBundle until each replica has had time to load another certificate.
 */
export function nextAction(situation: Situation): Action | undefined {
  const { state, bundles, now } = situation;
  if (isUsable(situation)) return bundleStep(situation) ?? issueStep(situation) ?? rotationStep(situation);
  // Which CAs are trusted must be known first: without that, the next patch could remove one that is in use.
  if (bundles === undefined) return undefined;
  const isNamed = state.next !== undefined && validAt(state.next, now);
  if (!isNamed || unnamed(situation).length > 0) return announcement(situation);
  return bundleStep(situation) ?? firstSwitch(situation);
}

/** The CAs that API servers should trust, the oldest first. */
export const bundleOf = ({ previous, ca, next }: TlsState): readonly string[] => [
  ...new Set([...previous, ca, next].flatMap((one) => (one === undefined ? [] : [one.pem]))),
];

/**
 * A span of so many milliseconds from now. It begins a third of them earlier, so that clocks which are behind ours accept
 * the certificate too.
 */
export const lasting = (ms: number, now: number): Span => ({ notBefore: now - ms / 3, notAfter: now + ms });

/** Two thirds of the way from the making to the end: a third is left to notice that renewal does not work. */
export const renewalOf = ({ notBefore, notAfter }: Span): number => notAfter - (notAfter - notBefore) / 4;

const MINUTE_MS = 60_000;

/** Whether the Secret's CA is one to go on with: valid, of some use, and not put there by somebody else. */
function isUsable(situation: Situation): boolean {
  const { state, bundles, names, now, known } = situation;
  const { ca } = state;
  if (ca === undefined || !validAt(ca, now)) return false;
  if (!ca.canSign && !servable(state, names, now)) return false;
  // A caBundle that somebody has changed is patched. A Secret that somebody has replaced is not taken over at once:
  // replicas serve by the CA that the caBundle has.
  const isTrusted = bundles === undefined || inAll(bundles, ca.pem);
  return isTrusted || ca.pem === known || unnamed(situation).length === 0;
}

/** Valid CAs that API servers trust and the Secret does not name. */
const unnamed = ({ state, trusted, now }: Situation): readonly CaFacts[] =>
  trusted.filter((one) => validAt(one, now) && !bundleOf(state).includes(one.pem));

/** The CA in the Secret may be among the previous ones: replicas may serve by it, also where its key is lost. */
function announcement({ state, trusted, now }: Situation): Action {
  const previous = [...state.previous, ...trusted].filter(
    (one) => validAt(one, now) && one.pem !== state.next?.pem,
  );
  return { do: "announce", previous: [...new Set(previous.map(({ pem }) => pem))] };
}

/** To a CA after a lost one, or to the first of all: nobody waits for the latter. */
function firstSwitch({ state, bundles, settledMs, now, durations }: Situation): Action | undefined {
  const isServed = [...state.previous, state.ca].some((one) => one !== undefined && validAt(one, now));
  const isBundled = bundles !== undefined && inAll(bundles, state.next?.pem);
  return isBundled && settledMs >= (isServed ? durations.lostMs : 0) ? { do: "switch" } : undefined;
}

function bundleStep({ state, bundles }: Situation): Action | undefined {
  const bundle = bundleOf(state);
  return bundles === undefined || bundles.every((held) => sameSet(held, bundle))
    ? undefined
    : { do: "patch", bundle };
}

function issueStep({ state, names, now, durations }: Situation): Action | undefined {
  const { ca, serving } = state;
  if (ca?.canSign !== true) return undefined;
  if (serving === undefined || !servable(state, names, now)) return { do: "issue" };
  return isRenewalDue(serving, ca, now, durations) ? { do: "issue" } : undefined;
}

/** Whether a certificate is to be replaced by another one of the same CA. */
export function isRenewalDue(
  serving: Span,
  ca: Span,
  now: number,
  { servingMs }: Pick<Durations, "servingMs">,
): boolean {
  // A certificate that ends with its CA cannot be renewed to last longer; the rotation of the CA helps there.
  const isLonger = Math.min(now + servingMs, ca.notAfter) > serving.notAfter + MINUTE_MS;
  return isLonger && now >= renewalOf(serving);
}

function rotationStep({ state, bundles, now, durations, settledMs }: Situation): Action | undefined {
  const { ca, next, previous } = state;
  if (next !== undefined) {
    if (!validAt(next, now)) return { do: "add-next" };
    const isBundled = bundles !== undefined && inAll(bundles, next.pem);
    return isBundled && settledMs >= durations.settleMs ? { do: "switch" } : undefined;
  }
  if (previous.length > 0) {
    const isOver = settledMs >= durations.overlapMs || !previous.some((one) => validAt(one, now));
    return isOver ? { do: "drop-previous" } : undefined;
  }
  return ca !== undefined && (!ca.canSign || now >= renewalOf(ca)) ? { do: "add-next" } : undefined;
}

export const inAll = (bundles: readonly (readonly string[])[], pem: string | undefined): boolean =>
  pem !== undefined && bundles.every((bundle) => bundle.includes(pem));

export const sameSet = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((entry) => other.includes(entry));
