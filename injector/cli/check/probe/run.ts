import type { Clock } from "../../../../sidecar/kit/clock.ts";
import { CodedError, messageOf } from "../../../../sidecar/kit/errors.ts";
import { probeJob, type ProbeSetting } from "./job.ts";
import { JobRefused, type Jobs } from "./jobs.ts";
import type { Pool, PoolNode } from "./pools.ts";
import { stateOf, type State } from "./state.ts";

/** What has become of one pool. `why` is a clause. */
export type Outcome =
  | (State & { readonly kind: "ended" })
  | { readonly kind: "untried"; readonly why: string };

export interface Probed {
  readonly pool: Pool;
  /** The one that was tried. */
  readonly node: PoolNode;
  readonly outcome: Outcome;
}

export interface Run {
  readonly probed: readonly Probed[];
  /** About Jobs that could not be deleted; sentences without an end. */
  readonly left: readonly string[];
}

export interface ProbeDeps {
  readonly jobs: Jobs;
  readonly clock: Pick<Clock, "elapsed" | "sleep">;
  /** Told what is waited for, once for each change. */
  readonly say: (line: string) => void;
  /** Tells the names of Jobs apart. */
  readonly suffix: () => string;
  readonly interrupted: AbortSignal;
}

/** Between two looks. */
const EVERY_MS = 1000;
/** Someone may make room meanwhile, or an image may be pulled at the second try. */
const STUCK_MS = 20_000;
/** The cluster itself ends a Job so long after the time for which it is waited here. */
const SPARE_SECONDS = 60;
const REMOVE_TRIES = 10;
const WHY_MAX = 300;
/** Two lines of a terminal. */
const LINE_MAX = 150;

interface Attempt {
  readonly job: string;
  readonly pool: Pool;
  readonly node: PoolNode;
  /** Whether there may be a Job. */
  asked: boolean;
  outcome: Outcome | undefined;
  /** Since when it has been stuck. */
  stuckAt: number | undefined;
  /** The newest that is known of it; a clause. */
  why: string;
}

/**
 * Tries one node of each pool, all at once. Every Job is deleted at the end, whatever happens.
 * @throws the reason of `interrupted`, once the Jobs are deleted
 */
export async function probePools(
  pools: readonly Pool[],
  setting: ProbeSetting,
  limitMs: number,
  deps: ProbeDeps,
): Promise<Run> {
  const { interrupted, say, suffix } = deps;
  const attempts = pools.flatMap((pool) => attemptsAt(pool, suffix()));
  let left: readonly string[] = [];
  try {
    await Promise.all(attempts.map((one) => start(one, setting, limitMs, deps)));
    await watch(attempts, limitMs, deps);
  } finally {
    left = await removeAll(attempts, deps);
    if (interrupted.aborted) {
      for (const line of left.length === 0 ? ["its Jobs are deleted"] : left) say(`probe: ${line}`);
    }
  }
  interrupted.throwIfAborted();
  const late = (why: string): Outcome => ({
    kind: "untried",
    why: `it had not ended after ${Math.round(limitMs / 1000)} s: ${why}`,
  });
  return {
    probed: attempts.map(({ job, pool, node, outcome, why }) => ({
      pool,
      node,
      outcome: anonymous(outcome ?? late(why), job),
    })),
    left,
  };
}

function attemptsAt(pool: Pool, suffix: string): readonly Attempt[] {
  const [node] = pool.nodes;
  if (node === undefined) return [];
  const job = `podrole-probe-${suffix}`;
  return [{ job, pool, node, asked: false, outcome: undefined, stuckAt: undefined, why: "" }];
}

/** Sentences about those that could not be deleted, without an end. An API server that is away for some seconds is waited for. */
async function removeAll(
  attempts: readonly Attempt[],
  { jobs, clock }: ProbeDeps,
): Promise<readonly string[]> {
  const asked = attempts.filter((one) => one.asked);
  const removed = asked.map(async ({ job }) => {
    let why = await jobs.remove(job);
    for (let tries = 1; why !== undefined && tries < REMOVE_TRIES; tries += 1) {
      await clock.sleep(EVERY_MS);
      why = await jobs.remove(job);
    }
    return why === undefined ? [] : [`Job ${job} could not be deleted: ${why}`];
  });
  return (await Promise.all(removed)).flat();
}

/** Without the Job's own name, so that the same reason of several pools is the same text. */
const anonymous = (outcome: Outcome, job: string): Outcome =>
  outcome.kind === "untried"
    ? { ...outcome, why: outcome.why.replaceAll(job, "podrole-probe").slice(0, WHY_MAX).replace(/\.$/, "") }
    : outcome;

/** Not interrupted: whether a request that broke off has made a Job cannot be known. */
async function start(
  attempt: Attempt,
  setting: ProbeSetting,
  limitMs: number,
  { jobs, interrupted }: ProbeDeps,
): Promise<void> {
  if (interrupted.aborted) return;
  attempt.asked = true;
  const deadlineSeconds = Math.ceil(limitMs / 1000) + SPARE_SECONDS;
  try {
    await jobs.create(probeJob(attempt.job, attempt.node.name, setting, deadlineSeconds));
  } catch (error) {
    if (error instanceof JobRefused) attempt.asked = false;
    attempt.outcome = { kind: "untried", why: `no Job could be made: ${messageOf(error)}` };
  }
}

async function watch(attempts: readonly Attempt[], limitMs: number, deps: ProbeDeps): Promise<void> {
  const { clock, say, interrupted } = deps;
  const open = (): readonly Attempt[] => attempts.filter(({ outcome }) => outcome === undefined);
  const until = clock.elapsed() + limitMs;
  // A request that hangs is no reason to go on after an interruption.
  const stop = new Promise((resolve) => interrupted.addEventListener("abort", resolve, { once: true }));
  let said = "";
  while (open().length > 0 && !interrupted.aborted) {
    await Promise.race([look(open(), deps), stop]);
    const [first] = open();
    if (first === undefined || clock.elapsed() + EVERY_MS > until) return;
    const line = `probe: waiting for ${open().length} of ${attempts.length} pools, such as ${first.pool.name}: ${first.why}`;
    const short = line.length > LINE_MAX ? `${line.slice(0, LINE_MAX)}…` : line;
    if (short !== said) say(short);
    said = short;
    await clock.sleep(EVERY_MS, interrupted);
  }
}

async function look(open: readonly Attempt[], { jobs, clock }: ProbeDeps): Promise<void> {
  try {
    const [pods, warnings] = await Promise.all([jobs.pods(), jobs.warnings()]);
    for (const one of open) {
      const pod = pods.get(one.job);
      const state = stateOf(one.job, pod, warnings ?? []);
      const unread = pod === undefined && warnings === undefined ? ", and its events may not be read" : "";
      settle(one, state, unread, clock.elapsed());
    }
  } catch (error) {
    const refused = error instanceof CodedError && error.code === "API_REFUSED";
    for (const one of open) {
      one.why = messageOf(error).replace(/\.$/, "");
      // What the user has no right to will not change; an API server that does not answer may be back at the next look.
      if (refused) one.outcome = { kind: "untried", why: one.why };
    }
  }
}

function settle(attempt: Attempt, state: State, unread: string, nowMs: number): void {
  if (state.kind === "ended") {
    attempt.outcome = state;
    return;
  }
  attempt.why = state.why + unread;
  attempt.stuckAt = state.kind === "stuck" ? (attempt.stuckAt ?? nowMs) : undefined;
  const isOver = attempt.stuckAt !== undefined && nowMs - attempt.stuckAt >= STUCK_MS;
  if (state.kind === "failed" || isOver) attempt.outcome = { kind: "untried", why: attempt.why };
}
