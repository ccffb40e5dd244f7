import type { Reach } from "../kit/reach.ts";
import type { Heard } from "./emulation.ts";
import type { Resets } from "./filter.ts";
import type { Listing } from "./listing.ts";
import type { Chain, Table } from "./rules.ts";

/**
 * What is wrong with the rules in the kernel: an empty list if they are exactly those we wrote, no more, no fewer, in
 * their order. Exactly, since one accept too many or one rule too late opens the guard.
 */
export function differences(expected: readonly Table[], listing: Listing): readonly string[] {
  return expected.flatMap((table) => [
    ...tableDifferences(table, listing),
    ...deviceDifferences(table, listing),
  ]);
}

function tableDifferences({ family, chains }: Table, listing: Listing): readonly string[] {
  const table = listing.tables.find((listed) => listed.family === family);
  if (table === undefined) return [`the ${family} table is missing`];
  const listed = listing.chains.filter((chain) => chain.family === family);
  const strangers = listed.filter(({ name }) => !chains.some((chain) => chain.name === name));
  return [
    ...(table.hasFlags ? [`the ${family} table has flags, so it may be dormant`] : []),
    ...strangers.map(({ name }) => `the ${family} table has a chain ${name} that is not ours`),
    ...chains.flatMap((chain) => chainDifferences(family, chain, listing)),
  ];
}

function chainDifferences(family: string, chain: Chain, listing: Listing): readonly string[] {
  const title = `chain ${family} ${chain.name}`;
  const listed = listing.chains.find((other) => other.family === family && other.name === chain.name);
  if (listed === undefined) return [`${title} is missing`];
  const hook = chain.base
    ? `${chain.base.type ?? "filter"} ${chain.base.hook} ${chain.base.priority} ${chain.base.policy}`
    : "";
  const wanted = chain.rules.map(({ rule }) => rule);
  const found = listed.rules.map(({ rule }) => rule);
  const missing = without(wanted, found).map((rule) => `${title} lacks "${rule}"`);
  const extra = without(found, wanted).map((rule) => `${title} holds "${rule}", which is not ours`);
  const inOrder = wanted.every((rule, index) => rule === found[index]);
  return [
    ...(listed.base === hook ? [] : [`${title} hangs on "${listed.base}" instead of "${hook}"`]),
    ...missing,
    ...extra,
    ...(missing.length + extra.length > 0 || inOrder ? [] : [`${title} has its rules in another order`]),
  ];
}

function deviceDifferences({ chains }: Table, { devices }: Listing): readonly string[] {
  return chains
    .flatMap(({ base }) => base?.devices ?? [])
    .filter((device) => !devices.includes(device))
    .map((device) => `interface ${device} is not guarded`);
}

/** Those of `all` that `others` lacks; what is there twice has to be there twice. */
function without(all: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...others];
  return all.filter((one) => {
    const at = left.indexOf(one);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** One TCP connection that was tried, and how it ended. */
export interface Attempt {
  readonly address: string;
  readonly port: number;
  readonly outcome: Reach;
}

/** Where the metadata service answers, and a port where nothing does. */
const HTTP_PORT = 80;
const PORTS = [HTTP_PORT, 443] as const;
/** A refusal takes under a millisecond. What takes this long was not refused, and an SDK would wait for it as well. */
const ATTEMPT_TIMEOUT_MS = 1000;

export function attempts(
  addresses: readonly string[],
  reach: (address: string, port: number, timeoutMs: number) => Promise<Reach>,
  isEmulated: (address: string) => boolean = () => false,
): Promise<readonly Attempt[]> {
  return Promise.all(
    addresses.flatMap((address) =>
      PORTS.filter((port) => port !== HTTP_PORT || !isEmulated(address)).map(async (port) => ({
        address,
        port,
        outcome: await reach(address, port, ATTEMPT_TIMEOUT_MS),
      })),
    ),
  );
}

/** Refused by our rules, or by a pod that has no way there: no IPv6, no route, a route that prohibits or is a black hole. */
const HELD = new Set([
  "ECONNREFUSED",
  "EACCES",
  "EPERM",
  "EINVAL",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
  "EAFNOSUPPORT",
]);

/**
 * What the attempts say against the guard. A reset alone proves nothing: the other end resets too, where a network
 * plugin sends the connection past our rules to a proxy that happens to be down. So the counter of our own reset rule
 * has to have risen by every reset that we saw.
 */
export function leaks(tried: readonly Attempt[], before: Resets, after: Resets): readonly string[] {
  const failed = tried.flatMap(({ address, port, outcome }) => {
    const where = `${address} port ${port}`;
    if (outcome.kind === "connected") return [`${where} answered`];
    if (outcome.kind === "timeout") return [`${where} was not refused within ${ATTEMPT_TIMEOUT_MS} ms`];
    return HELD.has(outcome.code) ? [] : [`${where} ended with ${outcome.code}`];
  });
  const elsewhere = [...new Set(tried.map(({ address }) => address))].filter((address) => {
    const resets = tried.filter((attempt) => attempt.address === address && wasReset(attempt)).length;
    return (after.get(address) ?? 0) - (before.get(address) ?? 0) < resets;
  });
  return [
    ...failed,
    ...elsewhere.map((address) => `${address} was refused by something other than the guard`),
  ];
}

function wasReset({ outcome }: Attempt): boolean {
  return outcome.kind === "refused" && outcome.code === "ECONNREFUSED";
}

/**
 * The proof turned round: at the emulated addresses somebody answers, and it has to be us. A word that nobody else can
 * know tells; the metadata service says nothing before it is asked. Where a pod has no way there, nobody answers at all.
 */
export async function notUs(
  addresses: readonly string[],
  word: string,
  hear: (address: string, port: number, timeoutMs: number) => Promise<Heard>,
): Promise<readonly string[]> {
  const heard = await Promise.all(
    addresses.map(async (address) => ({
      address,
      outcome: await hear(address, HTTP_PORT, ATTEMPT_TIMEOUT_MS),
    })),
  );
  return heard.flatMap(({ address, outcome }) => {
    const where = `${address} port ${HTTP_PORT}`;
    if (outcome.kind === "timeout") return [`${where} was silent`];
    if (outcome.kind === "connected") {
      return outcome.said === word ? [] : [`${where} answered, and it was not the sidecar's port`];
    }
    // Somebody listens at our own port for as long as this takes.
    if (outcome.code === "ECONNREFUSED") return [`${where} was refused, and not led to the sidecar's port`];
    return HELD.has(outcome.code) ? [] : [`${where} ended with ${outcome.code}`];
  });
}
