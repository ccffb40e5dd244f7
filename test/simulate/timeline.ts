import { writeFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collectGarbage } from "../../sidecar/kit/collect-garbage.ts";
import type { Clock } from "../../sidecar/kit/clock.ts";
import { handClock } from "../support/hand-clock.ts";
import { numbers } from "../support/random-pods.ts";
import { simulatedBrokers, type SimulatedBrokers } from "./brokers.ts";
import { isInLargest, simulatedCluster, type PodCounts, type SimulatedCluster } from "./cluster.ts";
import { duration, percentile, type Figures } from "./figures.ts";
import { sidecars, type Lost, type Sidecars } from "./pods.ts";
import { QUOTA_PER_SECOND, simulatedSts } from "./sts.ts";

export const SECOND = 1000;
export const MINUTE = 60_000;
/** Sleepers within it wake together. */
const GRAIN_MS = 10;
/** How often all pods are looked at, whether they have sessions. */
const LOOK_MS = 250;
/** After an outage a sidecar that was throttled waits for two minutes at most. */
const COMES_BACK_MS = 2.5 * MINUTE;
/** An engine renews by then. */
const RENEWS_BY_MS = 40 * MINUTE;

/** A cluster of pods in virtual time, with its brokers and STS. */
export interface World {
  readonly cluster: SimulatedCluster;
  readonly brokers: SimulatedBrokers;
  readonly pods: Sidecars;
  /** Lets time pass, until the end of it or until all pods have sessions. */
  readonly pass: (ms: number, until?: "all served") => Promise<void>;
  readonly outage: (ms: number) => Promise<void>;
  /** What happened since the row before. */
  readonly row: () => Row;
  readonly close: () => void;
}

export interface Row {
  readonly figures: Figures;
  /** Sessions that expired although they could have been renewed. */
  readonly needless: number;
}

interface Wish extends Omit<PodCounts, "count"> {
  /** Of STS's calls. */
  readonly quotaPerSecond?: number;
}

/** With two brokers that are ready. */
export async function world(
  count: number,
  { quotaPerSecond = QUOTA_PER_SECOND, inLargest }: Wish = {},
): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "podrole-"));
  const tokenFile = join(folder, "token");
  writeFileSync(tokenFile, "header.payload.signature");
  const hand = handClock(undefined, GRAIN_MS);
  // Who gives a sleep up early does not wake: a signal's listeners would take most of the simulation's time.
  const clock: Clock = { ...hand, sleep: (ms) => hand.sleep(ms) };
  const random = numbers(1);
  const cluster = simulatedCluster({ count, inLargest }, clock, random);
  const sts = simulatedSts(clock, random, quotaPerSecond);
  let [answers, refusals] = [[] as number[], new Map<string, number>()];
  const onAnswer = (ms: number, code: string): void => {
    if (code === "Success") answers.push(ms);
    else refusals.set(code, (refusals.get(code) ?? 0) + 1);
  };
  const brokers = simulatedBrokers({ cluster, sts, clock, random, tokenFile, onAnswer });
  const pods = sidecars({ pods: cluster.pods, brokers, clock, random });
  const out = { from: Number.POSITIVE_INFINITY, to: Number.POSITIVE_INFINITY };
  let from = { at: clock.elapsed(), calls: 0, throttled: 0, requests: 0 };
  const servedAfterMs: { all?: number; others?: number } = {};

  const couldBeRenewed = ({ issuedAt, expiresAt }: Lost): boolean =>
    out.from > issuedAt + RENEWS_BY_MS + COMES_BACK_MS || expiresAt > out.to + COMES_BACK_MS;
  const pass = async (ms: number, until?: "all served"): Promise<void> => {
    if (until === undefined) return hand.advance(ms);
    for (const end = clock.elapsed() + ms; clock.elapsed() < end;) {
      await hand.advance(LOOK_MS);
      const afterMs = clock.elapsed() - from.at;
      if (inLargest !== undefined && pods.unserved((pod) => !isInLargest(pod)) === 0)
        servedAfterMs.others ??= afterMs;
      if (pods.unserved() > 0) continue;
      servedAfterMs.all = afterMs;
      return;
    }
  };
  const made: World = {
    cluster,
    brokers,
    pods,
    pass,
    outage: async (ms) => {
      sts.isOut = true;
      [out.from, out.to] = [clock.now(), Number.POSITIVE_INFINITY];
      await pass(ms);
      sts.isOut = false;
      out.to = clock.now();
    },
    row: () => {
      const ms = clock.elapsed() - from.at;
      const calls = sts.calls - from.calls;
      const lost = pods.lost();
      const needless = lost.filter(couldBeRenewed).length;
      collectGarbage();
      const figures = {
        "virtual time": duration(ms),
        "calls to STS": String(calls),
        "… per pod-hour": (calls / count / (ms / (60 * MINUTE))).toFixed(2),
        "… in the busiest second": String(sts.peak),
        "… throttled": String(sts.throttled - from.throttled),
        "requests to the API server": String(cluster.requests - from.requests),
        "sessions given": String(answers.length),
        "… p50": duration(percentile(answers, 0.5)),
        "… p99": duration(percentile(answers, 0.99)),
        "last pod has credentials after": durationIf(servedAfterMs.all),
        "… of those in smaller namespaces": durationIf(servedAfterMs.others),
        "expired for want of STS": String(lost.length - needless),
        "expired though renewable": String(needless),
        "held by the brokers": String(brokers.held()),
        "heap of the simulation": `${(process.memoryUsage().heapUsed / 2 ** 20).toFixed(0)} MiB`,
        ...Object.fromEntries([...refusals].map(([code, times]) => [code, String(times)])),
      };
      const row: Row = { figures, needless };
      [answers, refusals] = [[], new Map()];
      from = { at: clock.elapsed(), calls: sts.calls, throttled: sts.throttled, requests: cluster.requests };
      sts.peak = 0;
      delete servedAfterMs.all;
      delete servedAfterMs.others;
      return row;
    },
    close: () => {
      pods.stop();
      rmSync(folder, { recursive: true });
    },
  };
  for (const add of [brokers.add, brokers.add]) void add();
  await pass(10 * SECOND);
  made.row();
  return made;
}

const durationIf = (ms: number | undefined): string => (ms === undefined ? "" : duration(ms));
