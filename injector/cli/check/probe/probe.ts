import { randomBytes } from "node:crypto";
import { coded } from "../../../../sidecar/kit/errors.ts";
import { systemClock } from "../../../../sidecar/kit/clock.ts";
import { fieldsIn, own, recordsIn, type Fields } from "../../../model/read.ts";
import type { LiveCluster } from "../../live/cluster.ts";
import { PAGE, readAll, type Read } from "../../live/reader.ts";
import { limitRangesOf } from "../../live/surroundings.ts";
import type { CheckFacts } from "../facts.ts";
import { fail, listed, skip, type CheckResult } from "../result.ts";
import type { ProbeSetting } from "./job.ts";
import { jobsIn, type Jobs } from "./jobs.ts";
import { poolsOf, slimNode, type Pool } from "./pools.ts";
import { leftOut, POOLS_MAX, resultsOf } from "./results.ts";
import { probePools } from "./run.ts";

const CODE = "PROBE";
const NODES_MAX = 10_000;

export interface ProbeOptions {
  /** Names of pools, or values of their labels; empty: all. */
  readonly only: readonly string[];
  readonly limitMs: number;
  readonly say: (line: string) => void;
  readonly interrupted: AbortSignal;
}

/**
 * Tries mode verify on a node of each pool, with the rights of the kubeconfig's user.
 * @param facts of the check before
 * @throws the reason of `interrupted`, once all Jobs are deleted
 */
export async function probe(
  facts: CheckFacts,
  { api, read }: LiveCluster,
  options: ProbeOptions,
): Promise<readonly CheckResult[]> {
  const { podroleNamespace: namespace, config, configProblem, serverVersion } = facts;
  if (serverVersion.kind !== "found") return [skip(CODE, "the API server does not answer")];
  if (configProblem !== undefined) {
    const message = `No node was tried, since the image and the addresses to try are not known: ${configProblem}.`;
    return [fail(CODE, message, "Give the settings with --config.")];
  }
  let nodes: readonly Fields[];
  try {
    nodes = await nodesOf(read);
  } catch (error) {
    const remedy = "Use a kubeconfig whose user may list nodes.";
    return [fail(CODE, `No node was tried: ${coded(error).message}`, remedy)];
  }
  const found = poolsOf(nodes);
  const { chosen, unknown } = choose(found.pools, options.only);
  const fit = chosen.filter((pool) => pool.nodes.length > 0);
  const unfit = chosen.filter((pool) => pool.nodes.length === 0);
  const [tried, over] = [fit.slice(0, POOLS_MAX), fit.slice(POOLS_MAX)];
  const others = options.only.length > 0 ? { ...found, windows: 0, virtual: 0 } : found;
  const before = [
    ...leftOut(others, unfit, over),
    ...unknown.map((name) => unknownPool(name, found.pools)),
    ...(nodes.length < NODES_MAX ? [] : [skip(CODE, `more than the first ${NODES_MAX} nodes`)]),
  ];
  if (tried.length === 0) {
    return before.length > 0 ? before : [skip(CODE, "the cluster has no nodes")];
  }

  const jobs = jobsIn(namespace, { api, read });
  await removeLeftovers(jobs, options.say);
  const setting: ProbeSetting = {
    namespace,
    config,
    limitRanges: await limitRangesOf(namespace, read).catch(() => []),
    imagePullSecrets: pullSecretsIn(facts),
  };
  options.say(
    `probe: trying ${tried.length === 1 ? "1 pool" : `${tried.length} pools`} of nodes, by a Job each in ${namespace}`,
  );
  const run = await probePools(tried, setting, options.limitMs, {
    jobs,
    clock: systemClock,
    say: options.say,
    suffix: () => randomBytes(4).toString("hex"),
    interrupted: options.interrupted,
  });
  return [...before, ...resultsOf(run, namespace)];
}

const nodesOf = async (read: Read): Promise<readonly Fields[]> => {
  const slim: Read = async (path) => {
    const list = await read(path);
    return list && { ...list, items: recordsIn(list, "items").map(slimNode) };
  };
  return (await readAll(slim, "/api/v1/nodes", NODES_MAX / PAGE)) ?? [];
};

function choose(
  pools: readonly Pool[],
  only: readonly string[],
): { readonly chosen: readonly Pool[]; readonly unknown: readonly string[] } {
  const is = (name: string) => (pool: Pool) => pool.name === name || pool.name.endsWith(`=${name}`);
  return {
    chosen: only.length === 0 ? pools : pools.filter((pool) => only.some((name) => is(name)(pool))),
    unknown: only.filter((name) => !pools.some(is(name))),
  };
}

const unknownPool = (name: string, pools: readonly Pool[]): CheckResult =>
  fail(
    CODE,
    `There is no pool ${name.slice(0, 120)} of nodes.`,
    `Choose from ${
      listed(
        pools.map((pool) => pool.name),
        POOLS_MAX,
      ) || "none at all"
    }.`,
  );

/** Never in the way: the cluster removes them too, some minutes later. */
async function removeLeftovers(jobs: Jobs, say: ProbeOptions["say"]): Promise<void> {
  const names = await jobs.leftovers(systemClock.now()).catch(() => []);
  if (names.length > 0) say(`probe: removing ${listed(names)} of an earlier probe`);
  await Promise.all(names.map(jobs.remove));
}

/** The injector's image is mostly of the sidecar's registry, and its Secrets are in the same namespace. */
function pullSecretsIn({ deployment }: CheckFacts): readonly Fields[] {
  if (deployment.kind !== "found") return [];
  const template = fieldsIn(fieldsIn(deployment.value, "spec"), "template");
  return recordsIn(fieldsIn(template, "spec"), "imagePullSecrets").filter(
    (one) => typeof own(one, "name") === "string",
  );
}
