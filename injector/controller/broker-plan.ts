import { servable, validAt, type CaFacts, type TlsState } from "../tls/state.ts";
import type { Bundle } from "./broker-bundle.ts";
import type { BrokerDurations } from "./durations.ts";
import { isRenewalDue, renewalOf, sameSet } from "./plan.ts";

export interface BrokerSituation {
  /** The controller's own Secret: the CA in use and the next one, with their keys, and the CAs before. */
  readonly authorities: TlsState;
  /** The Secret that the broker reads: its certificate, and the CA that signed it. */
  readonly served: TlsState;
  /** The CAs that sidecars trust; undefined where they could not be read, or are an admin's own. */
  readonly bundle: Bundle | undefined;
  /** For how long, without a break, the clock has asked for the same: see {@link byClock}. */
  readonly confirmedMs: number;
  /** By which sidecars call the broker. */
  readonly names: readonly string[];
  readonly now: number;
  readonly durations: BrokerDurations;
}

export type BrokerAction =
  /** A first CA, or another one where the CA is lost. `previous`: the CAs that pods trust now, by which replicas may be serving. */
  | { readonly do: "create"; readonly previous: readonly string[] }
  /** `brokerCa` becomes these CAs. */
  | { readonly do: "publish"; readonly pems: readonly string[] }
  /** A new serving certificate by the CA. */
  | { readonly do: "issue" }
  | { readonly do: "add-next" }
  /** The next CA becomes the CA. What is served stays. */
  | { readonly do: "switch" };

/**
 * The next step, or undefined if none is due. Two rules keep pods connected:
 * - A CA is in `brokerCa` before the broker serves a certificate by it, since a pod keeps the CAs that it was made with.
 * - A certificate by another CA that is in `brokerCa` is served until its last day: more pods trust that one.
 */
export function nextBrokerAction(situation: BrokerSituation): BrokerAction | undefined {
  const { authorities, bundle, confirmedMs, now, durations } = situation;
  const { ca, next } = authorities;
  // Without the CAs that sidecars trust, the CA in use can go on and nothing else.
  if (bundle === undefined) return isSameCa(situation) ? issueStep(situation) : undefined;
  const create = { do: "create", previous: bundle.own } as const;
  if (ca?.canSign !== true) return next !== undefined && validAt(next, now) ? { do: "switch" } : create;
  const asked = byClock(situation);
  if (asked !== undefined && confirmedMs >= durations.confirmMs)
    return asked === "create" ? create : { do: asked };
  if (!validAt(ca, now)) return undefined;
  const pems = trusted(situation);
  if (!bundle.isCanonical || !sameSet(pems, bundle.own))
    return { do: "publish", pems: [...pems, ...bundle.others] };
  return issueStep(situation) ?? nextStep(situation);
}

/**
 * The step that another CA takes because of the time alone. It cannot be undone: the key of a CA goes, or a CA that pods trust. So it is
 * taken only when the clock has asked for it for an hour of looks.
 */
export function byClock(
  situation: Pick<BrokerSituation, "authorities" | "now" | "durations">,
): "create" | "add-next" | "switch" | undefined {
  const { authorities, now, durations } = situation;
  const { ca, next } = authorities;
  if (ca?.canSign !== true) return undefined;
  const hasNext = next !== undefined && validAt(next, now);
  if (!validAt(ca, now)) return hasNext ? "switch" : "create";
  if (next !== undefined && !hasNext) return "add-next";
  return hasNext && now >= changeOf(ca, durations) ? "switch" : undefined;
}

/** When the next CA signs. A CA that somebody else has made may last for less than two months. */
const changeOf = ({ notBefore, notAfter }: CaFacts, { changeMs }: BrokerDurations): number =>
  notAfter - Math.min(changeMs, (notAfter - notBefore) / 8);

/** The controller's CAs that sidecars should trust, the oldest first. */
function trusted(situation: BrokerSituation): readonly string[] {
  const { ca, next } = situation.authorities;
  const before = servedUntil(situation) === undefined ? undefined : situation.served.ca;
  return [...new Set([before, ca, next].flatMap((one) => (one === undefined ? [] : [one.pem])))];
}

/**
 * The end of the certificate that the broker can serve, where pods trust its CA. A CA that somebody has put beside it gets no
 * trust by that.
 */
export function servedUntil(situation: BrokerSituation): number | undefined {
  const { authorities, served, bundle, names, now } = situation;
  const known = [...(bundle?.own ?? []), ...authorities.previous.map(({ pem }) => pem)];
  const isTrusted = served.ca !== undefined && known.includes(served.ca.pem);
  return isTrusted && servable(served, names, now) ? served.serving?.notAfter : undefined;
}

const isSameCa = ({ authorities, served }: BrokerSituation): boolean =>
  authorities.ca !== undefined && authorities.ca.pem === served.ca?.pem;

function issueStep(situation: BrokerSituation): BrokerAction | undefined {
  const { authorities, served, names, now, durations } = situation;
  const { ca } = authorities;
  if (ca?.canSign !== true || !validAt(ca, now)) return undefined;
  const issue = { do: "issue" } as const;
  if (!isSameCa(situation)) {
    const end = servedUntil(situation);
    return end === undefined || now >= end - durations.lastMs ? issue : undefined;
  }
  const { serving } = served;
  if (serving === undefined || !servable(served, names, now)) return issue;
  return isRenewalDue(serving, ca, now, durations) ? issue : undefined;
}

function nextStep({ authorities, now }: BrokerSituation): BrokerAction | undefined {
  const { ca, next } = authorities;
  return ca !== undefined && next === undefined && now >= renewalOf(ca) ? { do: "add-next" } : undefined;
}

/**
 * Whether after this step the broker has, or will have, a CA that no pod made until now trusts, though there were pods that trusted
 * another one.
 */
export function losesPods(action: BrokerAction, { authorities, bundle, now }: BrokerSituation): boolean {
  const { ca, next } = authorities;
  const own = bundle?.own ?? [];
  if (action.do === "publish") return own.length > 0 && ca !== undefined && !own.includes(ca.pem);
  // Before its time, when the CA in use cannot sign. One that is not published counts when it is.
  const isEarly = action.do === "switch" && !(ca?.canSign === true && validAt(ca, now));
  return isEarly && next !== undefined && own.includes(next.pem);
}
