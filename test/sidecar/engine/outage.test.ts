import { expect, onTestFinished, test } from "vitest";
import { createEngine } from "../../../sidecar/engine/engine.ts";
import { IssueError, type FailureKind } from "../../../sidecar/sts/issue-error.ts";
import type { Random } from "../../../sidecar/engine/schedule.ts";
import { handClock } from "../../support/hand-clock.ts";
import { numbers } from "../../support/random-pods.ts";

const HOUR_MS = 3_600_000;
const lowest: Random = () => 0;
const highest: Random = () => 1 - Number.EPSILON;

/** How often one identity's engine asks in an hour in which every answer comes at once and is no. */
async function attemptsInAnHour(
  kind: FailureKind | ((attempt: number) => FailureKind),
  random: Random,
): Promise<number> {
  const clock = handClock();
  let attempts = 0;
  const issue = async (): Promise<never> => {
    attempts += 1;
    throw new IssueError("Refused", "No.", { kind: typeof kind === "string" ? kind : kind(attempts) });
  };
  const engine = createEngine({ issue, clock, random });
  onTestFinished(() => engine.stop());
  engine.start();
  await clock.advance(HOUR_MS);
  engine.stop();
  return attempts;
}

test.each([
  { kind: "throttled", fewest: 34, most: 64 },
  { kind: "definite", fewest: 16, most: 23 },
] as const)(
  "an hour of $kind failures is $fewest to $most attempts, whatever the random numbers",
  async ({ kind, fewest, most }) => {
    expect(await attemptsInAnHour(kind, lowest)).toBe(most);
    expect(await attemptsInAnHour(kind, highest)).toBe(fewest);
  },
);

test("an hour's outage is about 250 attempts of a pod, and under 300 of each of fifty", async () => {
  const pods: number[] = [];
  for (let pod = 1; pod <= 50; pod += 1) {
    pods.push(await attemptsInAnHour("passing", numbers(pod)));
  }
  const mean = pods.reduce((sum, attempts) => sum + attempts, 0) / pods.length;
  expect(mean).toBeGreaterThan(235);
  expect(mean).toBeLessThan(260);
  expect(Math.max(...pods)).toBeLessThan(300);
});

test("an STS that throttles one call and fails the next is called no more often than one that only fails", async () => {
  const taking = (attempt: number): FailureKind => (attempt % 2 === 0 ? "throttled" : "passing");
  for (let pod = 1; pod <= 20; pod += 1) {
    expect(await attemptsInAnHour(taking, numbers(pod))).toBeLessThan(130);
  }
});

test("a pod that waits to start asks for a refused role at most 85 times in the first hour and 60 in the next", async () => {
  const clock = handClock();
  const begun = clock.now();
  const hours = [0, 0];
  const issue = async (): Promise<never> => {
    const hour = Math.floor((clock.now() - begun) / HOUR_MS);
    if (hour < 2) hours[hour] = (hours[hour] ?? 0) + 1;
    throw new IssueError("AccessDenied", "No.", { kind: "definite" });
  };
  // The kubelet starts the container again at once, then after 10 seconds, and doubles that up to 5 minutes.
  let backOffMs = 0;
  while (clock.now() < begun + 2 * HOUR_MS) {
    const engine = createEngine({ issue, clock, random: lowest });
    let hasEnded = false;
    engine.firstSession.catch(() => (hasEnded = true));
    engine.start();
    await clock.advance(9999);
    expect(hasEnded).toBe(false);
    await clock.advance(1);
    expect(hasEnded).toBe(true);
    engine.stop();
    await clock.advance(backOffMs);
    backOffMs = Math.min(300_000, Math.max(10_000, backOffMs * 2));
  }
  expect(hours).toEqual([85, 59]);
});
