import { lookup, type LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";

/** Node gives no addresses with an error, although its types say so. */
type Found = (error: NodeJS.ErrnoException | null, addresses?: LookupAddress[]) => void;
type LookUpAll = (hostname: string, options: { readonly all: true }, found: Found) => void;

/**
 * Looks up names for connections, one at a time for each name. Node asks the system's resolver in one of four threads, and
 * cannot cancel a look-up: if DNS does not answer, it lasts for minutes. If each attempt started one, they would soon occupy
 * all four, and other identities would wait.
 */
export function sharedLookUp(lookUp: LookUpAll = lookup): LookupFunction {
  const waiting = new Map<string, Found[]>();
  const ask = (hostname: string, found: Found): void => {
    const others = waiting.get(hostname);
    if (others !== undefined) return void others.push(found);
    const all = [found];
    waiting.set(hostname, all);
    lookUp(hostname, { all: true }, (error, addresses) => {
      waiting.delete(hostname);
      for (const one of all) one(error, addresses);
    });
  };
  return (hostname, { all = false }, callback) =>
    ask(hostname, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null) callback(error, []);
      else if (all) callback(null, addresses ?? []);
      else callback(null, first?.address ?? "", first?.family);
    });
}
