import { setTimeout as sleep } from "node:timers/promises";
import { SIDECAR_IMAGE_ENV } from "../support/image-env.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { PATH } from "../../sidecar/contract/pod.ts";
import { IDENTITIES_MAX } from "../../sidecar/contract/session.ts";
import { memory, start, startCpuMs, type Helper, type Memory } from "./sidecar-children.ts";
import { median, type Figures } from "./sidecar-figures.ts";
import type { Job, Load } from "./sidecar-load.ts";
import { run, SIDECAR, TOKEN, withContainers, type Running, type Subject } from "./sidecar-subjects.ts";

export interface Bench {
  readonly load: Helper;
  readonly sts: Helper;
  readonly figures: Figures;
}

/** Until what the start needed has been collected: see sidecar/engine/garbage.ts. */
const SETTLE_MS = 1500;
const TOGETHER = 10;
const FLAT_OUT = { rate: 0, connections: 16 };
const PACED = { requests: 3000, rate: 1000, connections: 64 };
/** After a start, compilation causes the slowest answers, as in every Node server. */
const WARM_UP = 10_000;

export const ENDURANCE = { requests: 100_000, refreshes: 1000 } as const;
/** As many as a pod may have, with its own. Each renews its session by itself: every second, if sessions last two. */
const CONTAINERS = IDENTITIES_MAX - 1;
const [SHORT, LONG] = [{ lifetimeSeconds: 2 }, { lifetimeSeconds: 3600 }];

export async function measureStart(subject: Subject, { figures }: Bench): Promise<void> {
  const running = await run(subject);
  const { listeningMs, readyMs } = running;
  figures.add(subject.name, { listeningMs, readyMs, startCpuMs: await startCpuMs(running.pid) });
  await running.stop();
}

/** Ten processes of a subject at once, as on a node, since they share what they have read of Node's file. */
export async function measureTogether(subject: Subject, { figures }: Bench): Promise<void> {
  const all: Running[] = [];
  while (all.length < TOGETHER) all.push(await run(subject));
  await sleep(SETTLE_MS);
  const memories = await Promise.all(all.map(({ pid }) => memory(pid)));
  const of = (name: keyof Memory): number => median(memories.map((one) => one[name]));
  figures.add(subject.name, { privateMb: of("privateMb"), pssMb: of("pssMb") });
  await Promise.all(all.map((one) => one.stop()));
}

export async function measureLoad(subject: Subject, { load, figures }: Bench): Promise<void> {
  const running = await run(subject);
  await asked(load, running, { ...FLAT_OUT, requests: WARM_UP });
  const { p50, p99 } = await asked(load, running, PACED);
  figures.add(subject.name, { p50, p99 });
  await running.stop();
}

/** One process with many identities: its memory idle, and when it has answered and renewed that often and is idle again. */
export async function measureEndurance(subject: Subject, { load, sts, figures }: Bench): Promise<void> {
  const many = withContainers(subject, CONTAINERS);
  const calls = async (how: object): Promise<number> => ((await sts.ask(how)) as { calls: number }).calls;
  const plain = await run(many);
  await sleep(SETTLE_MS);
  const { privateMb: idleMb } = await memory(plain.pid);
  await plain.stop();

  const before = await calls(SHORT);
  const running = await run(many);
  await asked(load, running, { ...FLAT_OUT, requests: ENDURANCE.requests, mayLack: true });
  while ((await calls(SHORT)) - before < ENDURANCE.refreshes) await sleep(250);
  const { privateMb: busyMb } = await memory(running.pid);
  await calls(LONG);
  await sleep(2 * SETTLE_MS + SHORT.lifetimeSeconds * 1000);
  const { privateMb: settledMb } = await memory(running.pid);
  figures.add("endurance", { idleMb, busyMb, settledMb, ratio: settledMb / idleMb });
  await running.stop();
}

/** The postStart hook with a ready sidecar, next to Node's time for an empty file, in turns. */
export async function measureWait(
  subject: Subject,
  empty: string,
  rounds: number,
  { figures }: Bench,
): Promise<void> {
  const running = await run(subject);
  const env = { ...SIDECAR_IMAGE_ENV, [ENV.healthPort]: String(running.healthPort) };
  for (let round = 0; round < rounds; round += 1) {
    figures.add("bare", { waitMs: await lifetimeMs([empty], env) });
    figures.add("sidecar", { waitMs: await lifetimeMs([SIDECAR, "wait"], env) });
  }
  await running.stop();
}

/** The time in milliseconds from before exec to the exit of a program that ends by itself. */
async function lifetimeMs(args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const program = start(args, env);
  const code = await program.exited;
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${program.output()}`);
  return performance.now() - program.startedAt;
}

async function asked(
  load: Helper,
  { port }: Running,
  how: Pick<Job, "requests" | "rate" | "connections" | "mayLack">,
): Promise<Load> {
  const job: Job = { ...how, port, path: PATH.credentials, token: TOKEN };
  return (await load.ask(job)) as Load;
}
