/**
 * The load generator is a separate process. Inside the benchmark, its garbage collector would affect other
 * measurements. Each message is one {@link Job}, and the answer is a {@link Load}.
 */
import { Agent, get } from "node:http";
import { ascending, quantile } from "./sidecar-figures.ts";

export interface Job {
  readonly port: number;
  readonly path: string;
  readonly token: string;
  readonly requests: number;
  /** Requests per second, sent without waiting for earlier answers. 0: as fast as `connections` allow. */
  readonly rate: number;
  readonly connections: number;
  /** Whether an answer of 503 counts too: sessions that last two seconds may end before the next are there. */
  readonly mayLack?: boolean;
}

/** Times in milliseconds, from sending a request to the end of its answer. */
export interface Load {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

process.on("message", (job: Job) => {
  void run(job).then((load) => process.send?.(load));
});
process.once("disconnect", () => process.exit(0));

async function run(job: Job): Promise<Load> {
  // A connection for each request, as SDKs do it, and as the sidecar answers.
  const agent = new Agent({ keepAlive: false, maxSockets: job.connections });
  const took: number[] = [];
  const ask = (): Promise<void> => answered(job, agent, took);
  const from = performance.now();
  await (job.rate > 0 ? paced(job, ask) : flatOut(job, ask));
  const seconds = (performance.now() - from) / 1000;
  agent.destroy();
  const sorted = ascending(took);
  return {
    perSecond: took.length / seconds,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    p999: quantile(sorted, 0.999),
  };
}

async function flatOut({ requests, connections }: Job, ask: () => Promise<void>): Promise<void> {
  let left = requests;
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await ask();
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
}

/** An open loop: after a stall, the server gets all requests that were due meanwhile, as in production. */
async function paced({ requests, rate }: Job, ask: () => Promise<void>): Promise<void> {
  const asked: Promise<void>[] = [];
  const from = performance.now();
  while (asked.length < requests) {
    const due = Math.min(requests, Math.floor(((performance.now() - from) * rate) / 1000));
    while (asked.length < due) asked.push(ask());
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(asked);
}

function answered({ port, path, token, mayLack }: Job, agent: Agent, took: number[]): Promise<void> {
  const from = performance.now();
  const options = { host: "127.0.0.1", port, path, agent, headers: { authorization: token } };
  return new Promise((resolve, reject) => {
    get(options, (response) => {
      const { statusCode } = response;
      if (statusCode !== 200 && !(mayLack === true && statusCode === 503)) {
        reject(new Error(`answered ${statusCode}`));
      }
      response.on("end", () => {
        took.push(performance.now() - from);
        resolve();
      });
      response.resume();
    }).once("error", reject);
  });
}
