/**
 * What the creation of a pod costs at a real API server: without a webhook, with IRSA's, with podrole's, and with podrole's
 * and its policies, in turns. Then how much memory the injector has after a burst of reviews.
 *
 *     npm run bench:admission [-- BUNDLE]
 *
 * Needs KUBEBUILDER_ASSETS, and Go for IRSA's webhook. Takes three minutes. ROUNDS=5 is enough to compare single steps.
 */
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { whyNot } from "../cluster/control-plane.ts";
import { printReport, type Cost, type Memory } from "./admission-report.ts";
import { create, openRig, type Rig, type Subject } from "./admission-subjects.ts";
import { callsOf, storedBytes } from "./api-server-figures.ts";
import { BACK_AFTER_MS, burst, IDLE_AFTER_MS, privateMib } from "./injector-child.ts";
import { startCpuMs } from "./sidecar-children.ts";
import { ascending, median, quantile } from "./sidecar-figures.ts";

const ROUNDS = Number(process.env["ROUNDS"] ?? 25);
/** In the turn of one subject. */
const PODS = 20;
const COUNTED = 5;
const WARM_UP = { connections: 1, reviews: 3000 };
const LOAD = { connections: 64, reviews: 20_000 };

/** Times of the single pods of a turn, and the mean CPU time of one. Milliseconds. */
interface Turn {
  readonly took: readonly number[];
  readonly apiCpu: number;
  readonly webhookCpu: number;
}

const cannot = whyNot();
if (cannot !== undefined) {
  console.error(`bench:admission needs a folder with etcd and kube-apiserver: ${cannot}.`);
  process.exit(1);
}
const bundle = process.argv[2] ?? fileURLToPath(new URL("../../dist/injector.mjs", import.meta.url));
const rig = await openRig(bundle);
await delay(Math.max(0, rig.injectorReadyAt + IDLE_AFTER_MS - performance.now()));
const idle = privateMib(rig.injector.pid);
// An injector in a cluster has answered many reviews: its code is compiled. IRSA's webhook was compiled when it was built.
await burst(rig.injector, rig.port, rig.ca, WARM_UP);
const turns = new Map(rig.subjects.map((subject): [Subject, Turn[]] => [subject, []]));
for (let round = 0; round <= ROUNDS; round += 1) {
  for (const [subject, its] of turns) {
    const turn = await turnOf(subject, `web-${round}`);
    // The first round warms up.
    if (round > 0) its.push(turn);
  }
}
const costs: Cost[] = [];
for (const [subject, its] of turns) costs.push(await costOf(subject, its));
const memory = process.env["MEMORY"] === "no" ? undefined : await memoryOf(rig);
printReport(costs, memory, rig.missing);
await rig.injector.stop();
await rig.plane.stop();
process.exit(0);

async function turnOf(subject: Subject, name: string): Promise<Turn> {
  const pids = [rig.plane.apiServerPid(), subject.webhook?.pid];
  const cpu = () => Promise.all(pids.map(async (pid) => (pid === undefined ? 0 : startCpuMs(pid))));
  const before = await cpu();
  const took: number[] = [];
  for (let n = 0; n < PODS; n += 1) {
    const from = performance.now();
    await create(rig.client, subject, `${name}-${n}`);
    took.push(performance.now() - from);
  }
  const [apiCpu = 0, webhookCpu = 0] = (await cpu()).map((ms, i) => (ms - (before[i] ?? 0)) / PODS);
  return { took, apiCpu, webhookCpu };
}

/** Counts calls and bytes on further pods. */
async function costOf(subject: Subject, its: readonly Turn[]): Promise<Cost> {
  const { name, namespace, webhook } = subject;
  const calls = (): Promise<number> => (webhook ? callsOf(rig.plane, webhook.name) : Promise.resolve(0));
  const before = await calls();
  for (let n = 0; n < COUNTED; n += 1) await create(rig.client, subject, `counted-${n}`);
  const took = ascending(its.flatMap((turn) => turn.took));
  return {
    name,
    p50: quantile(took, 0.5),
    p90: quantile(took, 0.9),
    apiCpu: median(its.map(({ apiCpu }) => apiCpu)),
    webhookCpu: median(its.map(({ webhookCpu }) => webhookCpu)),
    calls: ((await calls()) - before) / COUNTED,
    bytes: await storedBytes(rig.plane, `pods/${namespace}/counted-0`),
  };
}

async function memoryOf({ injector, port, ca }: Rig): Promise<Memory> {
  const { pid } = injector;
  const cpuMs = await burst(injector, port, ca, LOAD);
  const after = privateMib(pid);
  await delay(BACK_AFTER_MS);
  return { idle, burst: after, back: privateMib(pid), cpuMs, ...LOAD };
}
