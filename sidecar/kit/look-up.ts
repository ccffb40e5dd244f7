import { lookup, type LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";

/** Node gives no addresses with an error, although its types say so. */
type Found = (error: NodeJS.ErrnoException | null, addresses?: LookupAddress[]) => void;
type LookUpAll = (hostname: string, options: { readonly all: true }, found: Found) => void;

/** Who asks for one more would give up long before its turn. */
const UNKNOWN_MAX = 50;

/**
 * Looks up names for connections, one at a time for each name. Node asks the system's resolver in two of its four threads, and
 * cannot cancel a look-up: if DNS does not answer, it lasts for minutes. If each attempt started one, they would soon occupy
 * both, and other identities would wait.
 *
 * Of the names that were never found, only one is looked up at a time. Whoever chooses regions that do not exist cannot take both threads
 * from the names that do. If many wait already, a name is refused as if DNS had not answered.
 */
export function sharedLookUp(lookUp: LookUpAll = lookup): LookupFunction {
  /** Who waits, by the name, in the order in which the names were asked for. */
  const waiting = new Map<string, Found[]>();
  const known = new Set<string>();
  let unknown: string | undefined;

  const waitingUnknown = (): readonly string[] =>
    [...waiting.keys()].filter((hostname) => !known.has(hostname));
  const start = (hostname: string): void =>
    lookUp(hostname, { all: true }, (error, addresses) => {
      const all = waiting.get(hostname) ?? [];
      waiting.delete(hostname);
      if (error === null) known.add(hostname);
      if (unknown === hostname) startNextUnknown();
      for (const one of all) one(error, addresses);
    });
  const startNextUnknown = (): void => {
    [unknown] = waitingUnknown();
    if (unknown !== undefined) start(unknown);
  };
  const ask = (hostname: string, found: Found): void => {
    const others = waiting.get(hostname);
    if (others !== undefined) return void others.push(found);
    if (!known.has(hostname) && waitingUnknown().length >= UNKNOWN_MAX) return found(tooMany(hostname));
    waiting.set(hostname, [found]);
    if (known.has(hostname)) start(hostname);
    else if (unknown === undefined) startNextUnknown();
  };
  return (hostname, { all = false }, callback) =>
    ask(hostname, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null) callback(error, []);
      else if (all) callback(null, addresses ?? []);
      else callback(null, first?.address ?? "", first?.family);
    });
}

const tooMany = (hostname: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`Too many names wait to be looked up: ${hostname}`), { code: "EAI_AGAIN" });
