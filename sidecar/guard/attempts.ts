import { REFUSED_ERRNOS, type Reach } from "../kit/reach.ts";
import type { ResetCounts } from "./packet-filter.ts";
import type { Greeting } from "./stand-in.ts";

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

/** @param isEmulated where true, port 80 is left to {@link redirectFailures} */
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

/**
 * What the attempts say against the guard. A reset alone proves nothing: the other end resets too, where a network
 * plugin sends the connection past our rules to a proxy that happens to be down. So the counter of the guard's own
 * reset rule has to have risen by every reset that was seen.
 */
export function leaks(tried: readonly Attempt[], before: ResetCounts, after: ResetCounts): readonly string[] {
  const failed = tried.flatMap(({ address, port, outcome }) => {
    const where = `${address} port ${port}`;
    if (outcome.kind === "connected") return [`${where} answered`];
    if (outcome.kind === "timeout") return [`${where} was not refused within ${ATTEMPT_TIMEOUT_MS} ms`];
    return REFUSED_ERRNOS.has(outcome.code) ? [] : [`${where} ended with ${outcome.code}`];
  });
  const byOthers = [...new Set(tried.map(({ address }) => address))].filter((address) => {
    const resets = tried.filter((attempt) => attempt.address === address && wasReset(attempt)).length;
    return (after.get(address) ?? 0) - (before.get(address) ?? 0) < resets;
  });
  return [
    ...failed,
    ...byOthers.map((address) => `${address} was refused by something other than the guard`),
  ];
}

function wasReset({ outcome }: Attempt): boolean {
  return outcome.kind === "refused" && outcome.code === "ECONNREFUSED";
}

/**
 * The opposite proof: at the emulated addresses something answers, and it has to be the sidecar's port. A word that
 * nobody else can know shows it; the metadata service says nothing before it is asked. A pod that has no way there is
 * answered by nobody.
 */
export async function redirectFailures(
  addresses: readonly string[],
  word: string,
  readGreeting: (address: string, port: number, timeoutMs: number) => Promise<Greeting>,
): Promise<readonly string[]> {
  const greetings = await Promise.all(
    addresses.map(async (address) => ({
      address,
      outcome: await readGreeting(address, HTTP_PORT, ATTEMPT_TIMEOUT_MS),
    })),
  );
  return greetings.flatMap(({ address, outcome }) => {
    const where = `${address} port ${HTTP_PORT}`;
    if (outcome.kind === "timeout") return [`${where} was silent`];
    if (outcome.kind === "connected") {
      return outcome.said === word ? [] : [`${where} answered, and it was not the sidecar's port`];
    }
    // While the stand-in listens, a redirected connection is never refused.
    if (outcome.code === "ECONNREFUSED") return [`${where} was refused, and not led to the sidecar's port`];
    return REFUSED_ERRNOS.has(outcome.code) ? [] : [`${where} ended with ${outcome.code}`];
  });
}
