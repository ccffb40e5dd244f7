import { describe, expect, test } from "vitest";
import { CodedError } from "../../../../../sidecar/kit/errors.ts";
import { JobRefused, type Jobs } from "../../../../../injector/cli/check/probe/jobs.ts";
import type { Pool } from "../../../../../injector/cli/check/probe/pools.ts";
import { probePools, type Run } from "../../../../../injector/cli/check/probe/run.ts";
import { nameOf, type Fields } from "../../../../../injector/model/read.ts";
import { config } from "../../../../support/config.ts";
import { handClock } from "../../../../support/hand-clock.ts";
import { ended } from "./nodes.ts";

const pool = (name: string): Pool => ({
  name: `karpenter.sh/nodepool=${name}`,
  label: "karpenter.sh/nodepool",
  nodes: [{ name: `node-${name}`, instance: undefined }],
});

const running = (status: object): Fields => ({ metadata: { name: "p" }, spec: { nodeName: "n" }, status });
const HELD = running(ended(0));
const STARTING = running({ phase: "Pending" });
const STUCK = running({
  containerStatuses: [
    { name: "podrole-guard", state: { waiting: { reason: "ErrImagePull", message: "no" } } },
  ],
});

interface Cluster {
  /** The pod of the n-th Job, so many milliseconds after the start. */
  readonly podAt?: (index: number, ms: number) => Fields | undefined;
  readonly over?: Partial<Jobs>;
  readonly limitMs?: number;
  readonly isInterrupted?: boolean;
}

/** Runs a probe of some pools in a cluster of fakes, whose clock the test advances. */
function probing(
  count: number,
  { podAt = () => HELD, over = {}, limitMs = 120_000, isInterrupted = false }: Cluster,
) {
  const clock = handClock();
  const lines: string[] = [];
  const made = new Map<string, number>();
  const removed: string[] = [];
  const jobs: Jobs = {
    create: (job) => {
      made.set(nameOf(job as Fields), made.size);
      return Promise.resolve();
    },
    remove: (name) => {
      removed.push(name);
      return Promise.resolve(undefined);
    },
    leftovers: () => Promise.resolve([]),
    pods: () => {
      const pods = [...made].flatMap(([name, index]) => {
        const found = podAt(index, clock.elapsed());
        return found === undefined ? [] : [[name, found] as const];
      });
      return Promise.resolve(new Map(pods));
    },
    warnings: () => Promise.resolve([]),
    ...over,
  };
  const interruption = new AbortController();
  if (isInterrupted) interruption.abort(new Error("early"));
  let suffix = 0;
  const run = probePools(
    Array.from({ length: count }, (_, index) => pool(String(index))),
    { namespace: "podrole-system", config: config(), limitRanges: [], imagePullSecrets: [] },
    limitMs,
    {
      jobs,
      clock,
      say: (line) => void lines.push(line),
      suffix: () => String(suffix++),
      interrupted: interruption.signal,
    },
  );
  // A rejection is looked at later, when the clock has been advanced.
  run.catch(() => {});
  return { run, clock, lines, made, removed, interrupt: (why: Error) => interruption.abort(why) };
}

const outcomes = ({ probed }: Run) => probed.map(({ outcome }) => outcome);

describe("a probe", () => {
  test("tries all pools at once, ends when each has ended, and deletes every Job", async () => {
    const { run, clock, removed, lines } = probing(3, {
      podAt: (index, ms) => (ms >= index * 2000 ? running(ended(index === 1 ? 17 : 0, "x")) : STARTING),
    });
    await clock.advance(4000);
    expect(outcomes(await run)).toMatchObject([
      { exitCode: 0 },
      { exitCode: 17, said: "x" },
      { exitCode: 0 },
    ]);
    expect(removed).toEqual(["podrole-probe-0", "podrole-probe-1", "podrole-probe-2"]);
    expect(lines).toEqual([
      "probe: waiting for 2 of 3 pools, such as karpenter.sh/nodepool=1: its pod starts",
      "probe: waiting for 1 of 3 pools, such as karpenter.sh/nodepool=2: its pod starts",
    ]);
  });

  test("gives up a pool that is stuck for twenty seconds, and not one that goes on", async () => {
    const { run, clock } = probing(2, {
      podAt: (index, ms) => (index === 0 || ms < 15_000 ? STUCK : HELD),
    });
    await clock.advance(20_000);
    expect(outcomes(await run)).toEqual([
      { kind: "untried", why: "its container waits: ErrImagePull, no" },
      expect.objectContaining({ exitCode: 0 }),
    ]);
  });

  test("starts the twenty seconds anew when the pod goes on meanwhile", async () => {
    const { run, clock } = probing(1, {
      podAt: (_, ms) => (ms < 15_000 ? STUCK : ms < 17_000 ? STARTING : ms < 30_000 ? STUCK : HELD),
    });
    await clock.advance(30_000);
    expect(outcomes(await run)).toMatchObject([{ exitCode: 0 }]);
  });

  test("ends when the time is over, never later, with what each pool waits for", async () => {
    const { run, clock, removed } = probing(2, {
      limitMs: 10_000,
      podAt: (index) => (index === 0 ? undefined : STARTING),
      over: { warnings: () => Promise.resolve(undefined) },
    });
    await clock.advance(10_000);
    expect(outcomes(await run)).toEqual([
      {
        kind: "untried",
        why: "it had not ended after 10 s: its Job has made no pod yet, and its events may not be read",
      },
      { kind: "untried", why: "it had not ended after 10 s: its pod starts" },
    ]);
    expect(removed).toHaveLength(2);
  });

  test("goes on while the API server does not answer, and ends at once where it refuses", async () => {
    let looks = 0;
    const down = (code: string) => () =>
      (looks += 1) <= 2 ? Promise.reject(new CodedError(code, "It says no.")) : Promise.resolve(new Map());
    const unreachable = probing(1, { limitMs: 5000, over: { pods: down("API_UNREACHABLE") } });
    await unreachable.clock.advance(5000);
    expect(outcomes(await unreachable.run)).toMatchObject([{ why: expect.stringContaining("no pod yet") }]);
    looks = 0;
    const refused = probing(1, { over: { pods: down("API_REFUSED") } });
    await refused.clock.advance(0);
    expect(outcomes(await refused.run)).toEqual([{ kind: "untried", why: "It says no" }]);
    expect(refused.removed).toHaveLength(1);
  });

  test("deletes what may have been made, not what was refused, and says the same of alike pools", async () => {
    const create = (error: (name: string) => Error) => (job: object) =>
      Promise.reject(error(nameOf(job as Fields)));
    const refused = probing(2, {
      over: { create: create((name) => new JobRefused(`jobs.batch "${name}" is forbidden`)) },
    });
    const why = 'no Job could be made: jobs.batch "podrole-probe" is forbidden';
    expect(outcomes(await refused.run)).toEqual([
      { kind: "untried", why },
      { kind: "untried", why },
    ]);
    expect(refused.removed).toEqual([]);
    const lost = probing(1, { over: { create: create(() => new Error("no answer within 10000 ms")) } });
    expect(outcomes(await lost.run)).toMatchObject([{ why: expect.stringContaining("no answer") }]);
    expect(lost.removed).toEqual(["podrole-probe-0"]);
  });

  test("tries again to delete a Job while the API server is away", async () => {
    let tries = 0;
    const remove = () => Promise.resolve((tries += 1) < 4 ? "connect ECONNREFUSED" : undefined);
    const { run, clock } = probing(1, { over: { remove } });
    await clock.advance(3000);
    expect((await run).left).toEqual([]);
  });

  test("reports a Job that cannot be deleted", async () => {
    const { run, clock } = probing(1, { over: { remove: () => Promise.resolve("HTTP 500") } });
    await clock.advance(9000);
    expect((await run).left).toEqual(["Job podrole-probe-0 could not be deleted: HTTP 500"]);
  });

  test("that is interrupted deletes its Jobs and says so, before it rejects with the interruption", async () => {
    const reason = new Error("Ended by SIGINT.");
    const { run, clock, removed, lines, interrupt } = probing(2, { podAt: () => STARTING });
    await clock.advance(1500);
    interrupt(reason);
    await expect(run).rejects.toBe(reason);
    expect(removed).toHaveLength(2);
    expect(lines.at(-1)).toBe("probe: its Jobs are deleted");
  });

  test("that is interrupted while the API server hangs does not wait for it", async () => {
    const reason = new Error("Ended by SIGINT.");
    const hanging = probing(1, {
      over: { pods: () => new Promise(() => {}), remove: () => Promise.resolve("no answer") },
    });
    await hanging.clock.advance(1500);
    hanging.interrupt(reason);
    await hanging.clock.advance(9000);
    await expect(hanging.run).rejects.toBe(reason);
    expect(hanging.lines.at(-1)).toBe("probe: Job podrole-probe-0 could not be deleted: no answer");
  });

  test("that is interrupted before it begins makes no Job", async () => {
    const { run, made, removed } = probing(2, { isInterrupted: true });
    await expect(run).rejects.toThrow("early");
    expect([made.size, removed.length]).toEqual([0, 0]);
  });
});
