import { inAll, isLost, type Seen, type Situation } from "./plan.ts";

/** One replica's memory of its looks. */
export interface Sights {
  /** @param look its number: of several in one look, only the first counts */
  see(now: Omit<Situation, "seen" | "held">, look: number): Seen;
}

/**
 * Looks are counted, and time is not measured: a clock may be set, and a machine that stood still for a night has seen
 * nothing meanwhile. A look that found nobody to ask counts for nothing.
 */
export function sights(): Sights {
  const [bundled, switched, lost] = [streak(), streak(), streak()];
  return {
    see: (now, look) => {
      const { state, bundles, durations } = now;
      const { ca, next, previous } = state;
      const isBundled = next !== undefined && bundles !== undefined && inAll(bundles, next.pem);
      const ms = (count: number): number => count * durations.intervalMs;
      return {
        bundledMs: ms(bundled(isBundled ? next.pem : undefined, look)),
        switchedMs: ms(switched(previous && `${previous.pem} ${ca?.pem}`, look)),
        lostMs: ms(lost(isLost(now) ? "lost" : undefined, look)),
      };
    },
  };
}

/** Counts the looks since something was first there, and begins anew when it is something else. */
function streak(): (what: string | undefined, look: number) => number {
  let held: { readonly what: string; readonly look: number; readonly count: number } | undefined;
  return (what, look) => {
    if (what === undefined) held = undefined;
    else if (held?.what !== what) held = { what, look, count: 0 };
    else if (held.look !== look) held = { what, look, count: held.count + 1 };
    return held?.count ?? 0;
  };
}
