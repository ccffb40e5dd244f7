import { IRSA, NONE, POLICIES, WEBHOOK } from "./admission-subjects.ts";
import { printTable } from "./sidecar-figures.ts";

/** What the creation of a pod costs. Milliseconds, and bytes in etcd. */
export interface Cost {
  readonly name: string;
  readonly p50: number;
  readonly p90: number;
  readonly apiCpu: number;
  readonly webhookCpu: number;
  readonly calls: number;
  readonly bytes: number;
}

/** The injector's private memory in MiB, before and after a burst of reviews. */
export interface Memory {
  readonly connections: number;
  readonly reviews: number;
  readonly idle: number;
  readonly burst: number;
  readonly back: number;
  /** CPU of a review in the burst, milliseconds. */
  readonly cpuMs: number;
}

/** Times as multiples of IRSA's p50 in the same run; bytes beyond those of the pod without a webhook. 114 MiB are 120 MB. */
const GOALS = { withPolicies: 1.5, withoutPolicies: 1.2, bytes: 2000, burstMib: 114, backMib: 70 };

export function printReport(
  costs: readonly Cost[],
  memory: Memory | undefined,
  missing: readonly string[],
): void {
  const of = (name: string): Cost | undefined => costs.find((cost) => cost.name === name);
  const [plain, irsa] = [of(NONE), of(IRSA)];
  const ratio = (cost: Cost | undefined): number => (cost?.p50 ?? Number.NaN) / (irsa?.p50 ?? Number.NaN);
  const more = (cost: Cost | undefined): number => (cost?.bytes ?? Number.NaN) - (plain?.bytes ?? Number.NaN);
  printTable([
    [
      "a pod",
      "p50 ms",
      "p90 ms",
      "of IRSA's",
      "API server's CPU ms",
      "webhook's CPU ms",
      "calls",
      "bytes",
      "more",
    ],
    ...costs.map((cost) => [
      cost.name,
      cost.p50.toFixed(2),
      cost.p90.toFixed(2),
      shown(ratio(cost)),
      cost.apiCpu.toFixed(2),
      cost.webhookCpu.toFixed(2),
      cost.calls.toFixed(1),
      String(cost.bytes),
      String(more(cost)),
    ]),
  ]);
  console.log("");
  printTable([
    ["goal", "at most", "reached"],
    ["p50 with policies, of IRSA's", String(GOALS.withPolicies), shown(ratio(of(POLICIES)))],
    ["p50 without policies, of IRSA's", String(GOALS.withoutPolicies), shown(ratio(of(WEBHOOK)))],
    ["bytes more than the pod without a webhook", String(GOALS.bytes), String(more(of(WEBHOOK)))],
    ...(memory === undefined
      ? []
      : [
          [
            `injector's private MiB after ${memory.reviews} reviews over ${memory.connections} connections`,
            String(GOALS.burstMib),
            memory.burst.toFixed(1),
          ],
          ["  once it has given them back", String(GOALS.backMib), memory.back.toFixed(1)],
        ]),
  ]);
  if (memory !== undefined) {
    const { idle, cpuMs } = memory;
    console.log(
      `  idle before: ${idle.toFixed(1)} MiB; a review in the burst: ${cpuMs.toFixed(2)} ms of CPU`,
    );
  }
  for (const why of missing) console.log(`skipped: ${why}`);
}

const shown = (value: number): string => (Number.isNaN(value) ? "-" : value.toFixed(2));
