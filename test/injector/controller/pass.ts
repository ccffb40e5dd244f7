import type { HandClock } from "../../support/hand-clock.ts";

/** A controller, or who follows what it writes. */
type Party = { readonly round: () => Promise<unknown> } | { readonly look: () => Promise<unknown> };

/** All look every ten seconds for this time. `each` is called after every look. */
export async function pass(
  clock: HandClock,
  ms: number,
  all: readonly Party[],
  each: () => void = () => {},
): Promise<void> {
  for (let gone = 0; gone < ms; gone += 10_000) {
    await clock.advance(10_000);
    for (const one of all) {
      await ("round" in one ? one.round() : one.look());
      each();
    }
  }
}
