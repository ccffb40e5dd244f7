import { check, isHealthy } from "./checks.ts";
import type { CheckFacts } from "./facts.ts";
import type { CheckResult } from "./result.ts";
import { waitingFor } from "./text.ts";

export interface WaitDeps {
  readonly gather: () => Promise<CheckFacts>;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
  /** Told once for each thing that is waited for, not once for each look. */
  readonly say: (line: string) => void;
}

/** Between two looks. */
const EVERY_MS = 2000;

/** One look at the cluster. */
export interface Look {
  readonly facts: CheckFacts;
  readonly results: readonly CheckResult[];
}

/** Looks again and again until all is healthy, or the time is up; the last look. */
export async function checkUntil(timeoutMs: number, { gather, now, sleep, say }: WaitDeps): Promise<Look> {
  const until = now() + timeoutMs;
  let said = "";
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop
    const facts = await gather();
    const results = check(facts);
    if (isHealthy(results) || now() + EVERY_MS > until) return { facts, results };
    const line = waitingFor(results);
    if (line !== said) say(line);
    said = line;
    // oxlint-disable-next-line no-await-in-loop
    await sleep(EVERY_MS);
  }
}
