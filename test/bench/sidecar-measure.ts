import { cpuMs, memory, start, type Helper } from "./sidecar-children.ts";
import { PATH } from "../../sidecar/contract/pod.ts";
import type { Figures } from "./sidecar-figures.ts";
import type { Job, Load } from "./sidecar-load.ts";
import { run, TOKEN, type Running, type Subject } from "./sidecar-subjects.ts";

/** As in Dockerfile.sidecar. */
export const IMAGE_ENV = {
  NODE_OPTIONS: "--max-semi-space-size=1 --max-old-space-size=64",
  MALLOC_ARENA_MAX: "1",
} as const;
/** The settings with which both programs are measured. */
export const HEAPS = [
  { name: "Node's own heap", env: {} },
  { name: "the image's settings", env: IMAGE_ENV },
] as const;

export const STARTS = 9;
/** The waits before memory is read: after a start, and after a load. */
const SETTLE_MS = 500;
export const REQUESTS = 10_000;
export const FLAT_OUT = { requests: REQUESTS, rate: 0, connections: 16 };
export const PACED = { requests: 3000, rate: 1000, connections: 64 };
/** After a start, compilation causes the slowest answers, as in every Node server. They are shown separately. */
const FIRST_SECOND = { ...PACED, requests: PACED.rate };

export interface Bench {
  /** A folder for files, removed at the end of the benchmark. */
  readonly directory: string;
  readonly load: Helper;
  readonly figures: Figures;
}

export async function measureStart(subject: Subject, figures: Figures): Promise<void> {
  const running = await run(subject);
  figures.add(subject.name, { listeningMs: running.listeningMs, readyMs: running.readyMs });
  await running.stop();
}

/** Measures memory before and after {@link REQUESTS}, and the times of the answers. */
export async function measureLoad(subject: Subject, { load, figures }: Bench): Promise<Running> {
  const running = await run(subject);
  await settled();
  const idle = await memory(running.pid);
  const cpuBefore = await cpuMs(running.pid);
  const flatOut = await asked(load, running, FLAT_OUT);
  const cpuUs = ((await cpuMs(running.pid)) - cpuBefore) * (1000 / REQUESTS);
  await settled();
  const after = await memory(running.pid);
  figures.add(subject.name, {
    idleAnon: idle.rssAnonMb,
    idleRss: idle.rssMb,
    afterAnon: after.rssAnonMb,
    afterRss: after.rssMb,
    cpuUs,
    fullPerSecond: flatOut.perSecond,
    fullP50: flatOut.p50,
    fullP99: flatOut.p99,
    fullP999: flatOut.p999,
  });
  return running;
}

/** Runs after {@link measureLoad}, when most of the subject's code is compiled. */
export async function measurePaced(
  subject: Subject,
  running: Running,
  { load, figures }: Bench,
): Promise<void> {
  const first = await asked(load, running, FIRST_SECOND);
  const { p50, p99, p999 } = await asked(load, running, PACED);
  figures.add(subject.name, { firstP99: first.p99, pacedP50: p50, pacedP99: p99, pacedP999: p999 });
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SETTLE_MS));

async function asked(
  load: Helper,
  { port }: Running,
  how: Pick<Job, "requests" | "rate" | "connections">,
): Promise<Load> {
  const job: Job = { ...how, port, path: PATH.credentials, token: TOKEN };
  return (await load.ask(job)) as Load;
}

/** The time in milliseconds from before exec to the exit of a program that ends by itself. */
export async function lifetimeMs(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const program = start(args, env);
  const code = await program.exited;
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${program.output()}`);
  return performance.now() - program.startedAt;
}
