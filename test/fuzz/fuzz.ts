/**
 * Sends random reviews to the bundled injector, as a separate process with the image's variables, and judges every answer: a
 * decision for each, no pod admitted that is not guarded, and never more memory than the chart's limit.
 *
 *     npm run fuzz [-- --reviews 250000] [--seed 1] [--limit-mib 320] [--guard-container sidecar] [--guard verify]
 *
 * The same seed sends the same reviews. Exits with 1 if an answer is wrong, and prints the review.
 */
import { parseArgs } from "node:util";
import type { Fields } from "../../injector/model/read.ts";
import { numbers } from "../support/random-pods.ts";
import { SPACES } from "./cluster.ts";
import { goldenPods } from "./corpus.ts";
import type { GuardSettings } from "./guarded.ts";
import { fuzzedInjector, type FuzzedInjector } from "./injector.ts";
import { fuzzedReview, reviewOf, type FuzzedReview } from "./reviews.ts";
import { patchedPod, verdict, type Kind } from "./verdict.ts";

const { values } = parseArgs({
  options: {
    reviews: { type: "string", default: "20000" },
    seed: { type: "string", default: "1" },
    "limit-mib": { type: "string", default: "320" },
    "guard-container": { type: "string", default: "init" },
    guard: { type: "string", default: "auto" },
  },
});
const [REVIEWS, SEED, LIMIT_MIB] = [values.reviews, values.seed, values["limit-mib"]].map((text) =>
  wholeNumber(text),
) as [number, number, number];
const SETTINGS: GuardSettings = {
  guardContainer: values["guard-container"] === "sidecar" ? "sidecar" : "init",
  guard: values.guard === "verify" ? "verify" : "auto",
};
const AT_ONCE = 8;
/** Kinds of problems, each shown once. Enough to see what is wrong. */
const FAILURES_MAX = 10;

process.exitCode = await fuzz();

async function fuzz(): Promise<number> {
  const injector = await fuzzedInjector({ ...SETTINGS });
  try {
    const corpus = await corpusOf(injector);
    console.log(`${REVIEWS} reviews from ${corpus.length} pods, seed ${SEED}`);
    const { took, counts, failures } = await sendAll(injector, corpus);
    for (const { review, problems, times } of failures.values()) {
      const shown = problems.join("; ").slice(0, 500);
      console.log(`\n${review.uid}: ${shown} (${times} times)\n${review.body.slice(0, 20_000)}`);
    }
    const peakMib = injector.peakMib();
    console.log(report(took, counts, peakMib));
    const isTooMuch = peakMib > LIMIT_MIB;
    if (isTooMuch) console.log(`the injector held more than ${LIMIT_MIB} MiB`);
    if (injector.ended() !== undefined) console.log(injector.ended());
    return failures.size > 0 || isTooMuch || injector.ended() !== undefined ? 1 : 0;
  } finally {
    await injector.stop();
  }
}

/** The golden pods, and each as the injector itself patches it. */
async function corpusOf(injector: FuzzedInjector): Promise<readonly Fields[]> {
  const plain = goldenPods();
  const injected = await Promise.all(
    plain.map(async (object, index) => {
      const { body } = reviewOf({ uid: `corpus-${index}`, space: SPACES[0], object });
      return patchedPod(object, (await injector.post(body)).text) ?? [];
    }),
  );
  return [...plain, ...injected.flat()];
}

interface Failure {
  readonly review: FuzzedReview;
  readonly problems: readonly string[];
  times: number;
}

async function sendAll(injector: FuzzedInjector, corpus: readonly Fields[]) {
  const took = new Float64Array(REVIEWS);
  const counts: Record<Kind, number> = { patched: 0, allowed: 0, denied: 0 };
  const failures = new Map<string, Failure>();
  let index = 0;
  const send = async (): Promise<void> => {
    while (index < REVIEWS && failures.size < FAILURES_MAX && injector.ended() === undefined) {
      const review = fuzzedReview(numbers(SEED * 1_000_003 + index), corpus, index);
      const place = index++;
      const { status, text, ms } = await injector.post(review.body).catch((error: unknown) => ({
        status: 0,
        text: String(error),
        ms: Number.NaN,
      }));
      took[place] = ms;
      const { kind, problems } = verdict(review, status, text, SETTINGS);
      counts[kind] += 1;
      const [problem] = problems;
      if (problem !== undefined) {
        const known = failures.get(problem) ?? { review, problems, times: 0 };
        failures.set(problem, known);
        known.times += 1;
      }
      if (place % 25_000 === 24_999)
        console.log(`${place + 1} sent, ${injector.peakMib().toFixed(0)} MiB at most`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, () => send()));
  return { took: took.subarray(0, index), counts, failures };
}

function report(took: Float64Array, counts: Readonly<Record<Kind, number>>, peakMib: number): string {
  const sorted = took.toSorted();
  const at = (share: number): string =>
    `${(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(1)} ms`;
  const kinds = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`);
  return [
    `answered: ${kinds.join(", ")}`,
    `time of an answer, ${AT_ONCE} at once: p50 ${at(0.5)}, p99 ${at(0.99)}, p99.9 ${at(0.999)}`,
    `peak memory: ${peakMib.toFixed(0)} MiB of ${LIMIT_MIB}`,
  ].join("\n");
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    console.error(`${JSON.stringify(text.slice(0, 40))} is not a whole number above 0.`);
    process.exit(2);
  }
  return Number(text);
}
