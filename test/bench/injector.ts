/**
 * Measures the time of a decision, and the memory for the facts of a large cluster: 10,000 namespaces, 2,000 grants and
 * 20,000 service accounts, read over HTTP from an API server in another process.
 *
 *     node --expose-gc test/bench/injector.ts
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { KubeConfig } from "@kubernetes/client-node";
import { parseReview, type Review } from "../../injector/review/admission-review.ts";
import { admitPod } from "../../injector/review/admit-pod.ts";
import type { Cluster } from "../../injector/model/facts.ts";
import { kubernetesCluster } from "../../injector/cluster/kubernetes.ts";
import { patchBetween } from "../../injector/mutate/patch.ts";
import { weigh } from "../../injector/serve/weight.ts";
import { random } from "../../injector/mutate/fresh.ts";
import { createLog } from "../../injector/model/log.ts";
import { config } from "../support/config.ts";
import { until } from "../support/until.ts";
import { COUNTS, podOf, reviewOf, serveCluster } from "./large-cluster.ts";

const ROUNDS = 3000;
const settings = config({ policy: "enforce", region: "eu-west-1" });

const { values } = parseArgs({ options: { serve: { type: "boolean" } } });
if (values.serve === true) console.log(await serveCluster());
else await bench();

async function bench(): Promise<void> {
  const program = fileURLToPath(import.meta.url);
  const child = spawn(process.execPath, [program, "--serve"], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [port] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
    await measure(Number(port));
  } finally {
    child.kill();
  }
}

async function measure(port: number): Promise<void> {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromClusterAndUser(
    { name: "bench", server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: "bench" },
  );
  const cluster = kubernetesCluster(kubeConfig, { log: createLog("warn", "bench") });
  const before = memory();
  const startedAt = performance.now();
  cluster.start();
  await until("the facts", () => cluster.ready() || undefined, 60_000);
  print("facts", {
    "namespaces, grants, accounts": `${COUNTS.namespaces}, ${COUNTS.grants}, ${COUNTS.accounts}`,
    "all read after": `${Math.round(performance.now() - startedAt)} ms`,
  });
  print("memory, before", before);
  print("memory, read", memory());

  for (const [name, pod] of [
    ["realistic pod", podOf(0)],
    ["100 KB pod", podOf(100_000)],
  ] as const) {
    const body = (n: number): string => reviewOf(pod, n % 100);
    const size = `${Math.round(body(0).length / 1024)} KB`;
    const baseline = await time(body, (text) => JSON.stringify(JSON.parse(text)));
    print(`${name} (${size}), JSON.parse + JSON.stringify`, baseline);
    const bytes = (n: number): Buffer => Buffer.from(body(n));
    print(`${name}, weighed`, await time(bytes, weigh));
    const review = (n: number): Review => parseReview(JSON.parse(body(n)));
    print(`${name}, facts + decide + mutate + patch`, await time(review, (one) => answered(cluster, one)));
  }
  const fresh = (n: number): Review => parseReview(JSON.parse(reviewOf(podOf(0), 100 + n)));
  print(
    "first decision in a namespace (its grants not searched yet)",
    await time(fresh, (one) => answered(cluster, one)),
  );
  print("memory, after", memory());
  await cluster.stop();
}

async function answered(cluster: Cluster, review: Review): Promise<void> {
  const facts = await cluster.facts(review.namespace, "worker");
  const outcome = admitPod(review.object, facts, settings, random, review.username);
  if (outcome.kind !== "inject")
    throw new Error(`the pod is not injected: ${JSON.stringify(outcome.findings)}`);
  patchBetween(outcome.before, outcome.after);
}

/** Inputs are created for each round, outside of the measurement. If kept, they would be most of the heap. */
async function time<T>(input: (n: number) => T, run: (input: T) => unknown): Promise<Record<string, string>> {
  const took: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const one = input(round);
    const from = performance.now();
    await run(one);
    took.push(performance.now() - from);
  }
  return quantiles(took);
}

/** Measures the second half only: during the first, code is compiled. */
function quantiles(took: readonly number[]): Record<string, string> {
  const sorted = took.slice(took.length / 2).sort((a, b) => a - b);
  const at = (share: number): string => `${(sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(3)} ms`;
  return { median: at(0.5), p99: at(0.99), most: at(0.9999) };
}

function memory(): Record<string, string> {
  // Twice, because the first collection can make more objects collectable.
  for (let round = 0; round < 2; round += 1) globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  const mb = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MB`;
  return { rss: mb(rss), heap: mb(heapUsed), "most rss": mb(process.resourceUsage().maxRSS * 1024) };
}

function print(what: string, figures: Readonly<Record<string, string>>): void {
  const cells = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  console.log(`${what.padEnd(64)} ${cells.join("   ")}`);
}
