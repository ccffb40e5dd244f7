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

/** Looks again and again until all is healthy, or the time is up; the last look's results. */
export async function checkUntil(
  timeoutMs: number,
  { gather, now, sleep, say }: WaitDeps,
): Promise<readonly CheckResult[]> {
  const until = now() + timeoutMs;
  let said = "";
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop
    const results = check(await gather());
    if (isHealthy(results) || now() + EVERY_MS > until) return results;
    const line = waitingFor(results);
    if (line !== said) say(line);
    said = line;
    // oxlint-disable-next-line no-await-in-loop
    await sleep(EVERY_MS);
  }
}
