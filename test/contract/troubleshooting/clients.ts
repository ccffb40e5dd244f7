import { CLIENTS, type Sayings } from "../../sdk/clients.ts";
import type { Row } from "./row.ts";

const MEANS: Readonly<Record<keyof Sayings, string>> = {
  notHeld: "the sidecar holds no session (503)",
  refused: "the sidecar refuses: a wrong token, or STS denies the role (403)",
  noSidecar: "no sidecar listens",
};
const ANY = "any of the three: ask the sidecar, see below";

/** Every client's words of `npm run test:sdk`, each once, with what they mean. */
export function clientRows(): readonly Row[] {
  const meanings = new Map<string, { readonly clients: Set<string>; readonly means: Set<string> }>();
  for (const { name, says } of CLIENTS) {
    for (const [when, words] of Object.entries(says ?? {})) {
      const one = meanings.get(words) ?? { clients: new Set(), means: new Set() };
      meanings.set(words, one);
      one.clients.add(name);
      one.means.add(MEANS[when as keyof Sayings]);
    }
  }
  return [...meanings].map(([words, { clients, means }]) => ({
    says: words,
    todo: `${[...clients].join(", ")}: ${means.size === 3 ? ANY : [...means].join("; ")}.`,
  }));
}
