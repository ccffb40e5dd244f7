import { coded, type CodedError } from "../../../sidecar/kit/errors.ts";
import { check, isHealthy } from "./checks.ts";
import type { CheckFacts } from "./facts.ts";
import type { CheckResult } from "./result.ts";
import { noAnswer } from "./server.ts";
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
export type Look = (
  | { readonly facts: CheckFacts; readonly unasked?: never }
  /** The API server could not be asked, and this is why. */
  | { readonly facts?: never; readonly unasked: CodedError }
) & { readonly results: readonly CheckResult[] };

/** Looks again and again until all is healthy, or the time is up; the last look. */
export async function checkUntil(timeoutMs: number, { gather, now, sleep, say }: WaitDeps): Promise<Look> {
  const until = now() + timeoutMs;
  let said = "";
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop
    const seen = await look(gather);
    if (isHealthy(seen.results) || now() + EVERY_MS > until) return seen;
    const line = waitingFor(seen.results);
    if (line !== said) say(line);
    said = line;
    // oxlint-disable-next-line no-await-in-loop
    await sleep(EVERY_MS);
  }
}

/** An API server that is away now may answer the next look. */
async function look(gather: WaitDeps["gather"]): Promise<Look> {
  try {
    const facts = await gather();
    return { facts, results: check(facts) };
  } catch (error) {
    const unasked = coded(error);
    if (unasked.code !== "API_UNREACHABLE" && unasked.code !== "API_UNAUTHENTICATED") throw error;
    return { unasked, results: [noAnswer(unasked)] };
  }
}
