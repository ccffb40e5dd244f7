import { isLoopback } from "../kit/address.ts";
import { ask } from "./ask.ts";
import { CREDENTIALS, TOKEN } from "./questions.ts";
import { verdictOf, type Tried, type Verdict } from "./verdict.ts";
import { wayTo, type Way } from "./way.ts";

export interface ProofOptions {
  /** After so many milliseconds, what has not answered is judged as silent. */
  readonly waitMs: number;
  /** The metadata service's own, unless a test says otherwise. */
  readonly port?: number;
  readonly wayTo?: (address: string) => Promise<Way>;
  /** Counts packets of the pod's loopback. Absent: other programs of the pod may run and send there, so that it says nothing. */
  readonly loopback?: () => number;
  /** Called with each try as it ends. */
  readonly onTry?: (address: string, tried: Tried) => void;
}

const HTTP_PORT = 80;
/** Each twice: one answer may be lost on the way. */
const QUESTIONS = [TOKEN, TOKEN, CREDENTIALS, CREDENTIALS];
/**
 * When to connect anew where there was only silence, as a part of the time. The kernel repeats a SYN after one second and then after
 * longer. Some network plugins drop all packets of a new pod until they have its rules, so the last moments say most.
 */
const AGAIN = 0.85;

/** As the redirect of a service mesh does, to a proxy that does not run yet: it will, and what it then sends goes out. */
const LED_BACK: Way = {
  kind: "one of several",
  said: "inside the pod, where something such as a service mesh leads back what is sent there",
};

/** Undefined: the kernel chooses. */
const sourcesOf = (way: Way): readonly (string | undefined)[] =>
  (way.kind === "only" && way.from) || [undefined];

/**
 * Asks each address for a token and, without one, for credentials, all at the same time, and keeps nothing of what it gets. Never rejects.
 * @returns a verdict for each address, and for each that it can be asked from; after the first that is `reachable`, only that one
 */
export async function prove(
  addresses: readonly string[],
  { waitMs, port = HTTP_PORT, wayTo: way = wayTo, loopback, onTry = () => undefined }: ProofOptions,
): Promise<readonly Verdict[]> {
  // Before the tries: a way that becomes ready while they last is not the one that they took.
  const ways = await Promise.all(addresses.map(async (address) => ({ address, way: await way(address) })));
  const packets = loopback?.();
  const isLedBack = (): boolean => loopback !== undefined && loopback() !== packets;
  const places = ways.flatMap(({ address, way: taken }) =>
    sourcesOf(taken).map((from) => {
      const place = { address, port, from, waitMs };
      const tries = QUESTIONS.map((question) => ({ question, ...ask(place, question) }));
      return { place, tries, taken };
    }),
  );
  const everyTry = places.flatMap(({ tries }) => tries);
  const end = (): void => everyTry.forEach((one) => one.end());
  // If the process had no CPU for a while, it has not yet seen what opened and what was answered. Node looks before it runs an immediate.
  let isOver = false;
  const inTime = (ms: number, act: () => void) =>
    setTimeout(() => setImmediate(() => (isOver ? undefined : act())), ms);
  let timer = inTime(waitMs * AGAIN, () => {
    for (const one of everyTry) one.again();
    // From now: a process without CPU until the time was over would leave no moment to what it has just begun.
    timer = inTime(waitMs * (1 - AGAIN), end);
  });

  const violation = Promise.withResolvers<readonly Verdict[]>();
  const verdicts = places.map(async ({ place, tries, taken }) => {
    const tried = tries.map(async ({ question, outcome }): Promise<Tried> => {
      const one = { question, outcome: await outcome };
      onTry(place.address, one);
      const alone = verdictOf(place, [one], taken);
      if (alone.kind === "reachable") violation.resolve([alone]);
      return one;
    });
    const all = await Promise.all(tried);
    // If a proxy takes the connection, it answers in the place of the service, and that is judged.
    const isUnopened = all.some(({ outcome: { kind } }) => kind === "refused" || kind === "silent");
    const mayBeLedBack = isUnopened && taken.kind !== "none" && !isLoopback(place.address);
    return verdictOf(place, all, mayBeLedBack && isLedBack() ? LED_BACK : taken);
  });
  const first = await Promise.race([violation.promise, Promise.all(verdicts)]);
  isOver = true;
  clearTimeout(timer);
  end();
  return first;
}
