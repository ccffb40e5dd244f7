import { describe, expect, test } from "vitest";
import { DURATIONS } from "../../../injector/tls/durations.ts";
import { bundleOf, lasting, type Situation, type TlsState } from "../../../injector/tls/plan.ts";
import { sights } from "../../../injector/tls/seen.ts";

const NOW = Date.UTC(2026, 10, 21);
const NAMES = ["podrole-injector.podrole-system.svc"];
const ca = (pem: string) => ({ pem, ...lasting(DURATIONS.caMs, NOW), canSign: true });
const CHANGING: TlsState = { ca: ca("A"), next: ca("B") };

/** Sees one state after the other, each in a look of its own. */
function seeing() {
  const sight = sights();
  let look = 0;
  const see = (state: TlsState, { bundles }: Pick<Situation, "bundles"> = { bundles: [bundleOf(state)] }) =>
    sight.see({ state, bundles, names: NAMES, now: NOW, durations: DURATIONS }, look);
  return { see, next: () => void (look += 1) };
}

describe("what a replica has seen", () => {
  test("counts from the look after the first, ten seconds for each", () => {
    const { see, next } = seeing();
    expect(see(CHANGING).bundledMs).toBe(0);
    next();
    expect(see(CHANGING).bundledMs).toBe(10_000);
    next();
    next();
    expect(see(CHANGING).bundledMs, "a look that saw nothing is none").toBe(20_000);
  });

  test("counts once in a look, however often it is seen there", () => {
    const { see, next } = seeing();
    see(CHANGING);
    next();
    for (let step = 0; step < 12; step += 1) expect(see(CHANGING).bundledMs).toBe(10_000);
  });

  test.for([
    ["is gone from one caBundle", CHANGING, [["A", "B"], ["A"]]],
    ["cannot be seen", CHANGING, undefined],
    ["is another one", { ca: ca("A"), next: ca("C") }, [["A", "C"]]],
  ] as const)("begins anew where the CA to come %s", ([, state, bundles]) => {
    const { see, next } = seeing();
    see(CHANGING);
    next();
    expect(see(CHANGING).bundledMs).toBe(10_000);
    expect(see(state, { bundles }).bundledMs).toBe(0);
    expect(see(CHANGING).bundledMs).toBe(0);
  });

  test("of the CA that was begins anew with another CA of now", () => {
    const { see, next } = seeing();
    see({ ca: ca("B"), previous: ca("A") });
    next();
    expect(see({ ca: ca("B"), previous: ca("A") }).switchedMs).toBe(10_000);
    expect(see({ ca: ca("C"), previous: ca("A") }).switchedMs).toBe(0);
  });
});
