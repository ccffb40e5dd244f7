import { CLOSE_COMMAND } from "../../../../sidecar/contract/metadata.ts";
import { VERIFY_EXITS } from "../../../../sidecar/contract/pod.ts";
import {
  fail,
  listed,
  ok,
  skip,
  warn,
  type CheckResult,
  type PoolResult,
  type PoolVerdict,
} from "../result.ts";
import { PROBE_LABEL } from "./job.ts";
import type { Pool, PoolLabel, Pools } from "./pools.ts";
import type { Outcome, Probed, Run } from "./run.ts";

const CODE = "PROBE";
const SAID_MAX = 300;
/** Pools that are tried at once. */
export const POOLS_MAX = 20;

/** The worst last, where a terminal stops. Pure. */
export function resultsOf({ probed, left }: Run, namespace: string): readonly CheckResult[] {
  const judged = probed.map((one) => ({ ...one, ...judge(one.outcome) }));
  const of = (verdict: PoolVerdict) => judged.filter((one) => one.verdict === verdict);
  const untried = Map.groupBy(of("untried"), ({ said }) => said);
  const byRemedy = of("reachable").toSorted((one, other) =>
    String(one.pool.label) < String(other.pool.label) ? -1 : 1,
  );
  return [
    ...of("held").map((one) => ({
      ...ok(CODE, `${one.pool.name}: mode verify holds on ${nodeOf(one)}.`),
      pools: [poolResult(one)],
    })),
    ...left.map((one) =>
      warn(
        CODE,
        `${one}.`,
        `The cluster removes it within minutes, or: kubectl -n ${namespace} delete jobs -l ${PROBE_LABEL.key}=${PROBE_LABEL.value}.`,
      ),
    ),
    ...[...untried].map(([why, group]) => ({
      ...fail(CODE, `Could not be tried: ${why}. Pools: ${group.map(placeOf).join("; ")}.`, UNTRIED),
      pools: group.map(poolResult),
    })),
    ...of("unproven").map((one) => ({
      ...fail(CODE, `${one.pool.name}: mode verify fails on ${nodeOf(one)}: ${one.said}.`, UNPROVEN),
      pools: [poolResult(one)],
    })),
    ...byRemedy.map((one) => ({
      ...fail(
        CODE,
        `${one.pool.name}: mode verify does not hold on ${nodeOf(one, true)}: ${one.said}.`,
        closing(one.pool.label),
      ),
      pools: [poolResult(one)],
    })),
  ];
}

/** What is not tried, and why. Pure. */
export function leftOut(
  { windows, virtual }: Pools,
  unfit: readonly Pool[],
  over: readonly Pool[],
): readonly CheckResult[] {
  const names = (pools: readonly Pool[]): string =>
    listed(
      pools.map(({ name }) => name),
      POOLS_MAX,
    );
  return [
    ...(windows === 0 ? [] : [skip(CODE, `${counted(windows, "Windows node")}, where there is no guard`)]),
    ...(virtual === 0
      ? []
      : [skip(CODE, `${counted(virtual, "node")} without a machine of its own (Fargate, virtual kubelet)`)]),
    ...(unfit.length === 0 ? [] : [skip(CODE, `${names(unfit)}: no node there is ready and takes pods`)]),
    ...(over.length === 0
      ? []
      : [
          skip(
            CODE,
            `${names(over)}, since at most ${POOLS_MAX} pools are tried at once; name them after --probe`,
          ),
        ]),
  ];
}

/** What a probe's result does not say. */
export const scopeOf = (namespace: string): string =>
  `The probe speaks for the nodes that it names, and for pods of namespace ${namespace}. It does not try network policies of other namespaces: there the metadata service may be out of reach although it was reached here, or the other way round.`;

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** @param withInstance where something is to be done about it */
function nodeOf({ pool, node }: Probed, withInstance = false): string {
  const details = [
    ...(withInstance && node.instance !== undefined ? [node.instance] : []),
    ...(pool.nodes.length > 1 ? [`1 of ${pool.nodes.length}`] : []),
  ];
  return details.length === 0 ? node.name : `${node.name} (${details.join(", ")})`;
}

const placeOf = (one: Probed): string => `${one.pool.name} on ${nodeOf(one)}`;

const poolResult = ({ pool, node, verdict }: Probed & { readonly verdict: PoolVerdict }): PoolResult => ({
  pool: pool.name,
  node: node.name,
  nodes: pool.nodes.length,
  verdict,
});

/** `said` is a clause. */
function judge(outcome: Outcome): { readonly verdict: PoolVerdict; readonly said: string } {
  if (outcome.kind === "untried") return { verdict: "untried", said: outcome.why };
  const { exitCode, reason } = outcome;
  // The first sentence: the rest is what to do, which is said here in other words.
  const [sentence = ""] = outcome.said.trim().split(/\.?(?:\s*\n|\.\s|$)/);
  const said = sentence.slice(0, SAID_MAX);
  const verdict = VERDICTS.find((one) => VERIFY_EXITS[one] === exitCode);
  // Another program may end with 0 as well, where a webhook has changed the command.
  if (verdict === "held" && !said.startsWith("podrole guard: ")) {
    return {
      verdict: "untried",
      said: "what ended with exit code 0 does not say that it is podrole's guard",
    };
  }
  if (verdict !== undefined)
    return {
      verdict,
      said: said.replace(/^METADATA_[A-Z]+: /, "") || `the guard ended with exit code ${exitCode}`,
    };
  const named = ["", "Error", "Completed"].includes(reason) ? "" : ` (${reason})`;
  return {
    verdict: "untried",
    said: `the guard ended with exit code ${exitCode}${named}${said === "" ? "" : `: ${said}`}`,
  };
}

const VERDICTS = Object.keys(VERIFY_EXITS) as readonly (keyof typeof VERIFY_EXITS)[];

const UNTRIED =
  "The user of the kubeconfig needs, in podrole's namespace, to create and delete jobs and to list pods; the node needs room for one more pod and the sidecar's image. Then try again.";
const UNPROVEN =
  "Try again. While it stays so, pods in mode verify do not start there: see METADATA_UNPROVEN in deploy/docs/troubleshooting.md.";

/** The setting of new nodes, by who makes them. */
const FOR_NEW_NODES: Readonly<Partial<Record<PoolLabel, string>>> = {
  "eks.amazonaws.com/nodegroup": "MetadataOptions of the node group's launch template",
  "karpenter.sh/nodepool": "spec.metadataOptions of the pool's EC2NodeClass",
  "alpha.eksctl.io/nodegroup-name":
    "disablePodIMDS of the node group, or MetadataOptions of its launch template",
  "kops.k8s.io/instancegroup": "spec.instanceMetadata of the instance group",
};
const BY_NETWORK = "a NetworkPolicy for the pods (chart value metadataNetworkPolicy)";
const BY_BLOCK = "mode block, in namespaces at Pod Security level privileged";

function closing(label: PoolLabel | undefined): string {
  if (label === "cloud.google.com/gke-nodepool") return `Use ${BY_NETWORK}, or ${BY_BLOCK}.`;
  const forNew = (label && FOR_NEW_NODES[label]) ?? "MetadataOptions of their launch template";
  return `Require tokens and hop limit 1: ${CLOSE_COMMAND}, and for new nodes ${forNew}. Or use ${BY_NETWORK}, or ${BY_BLOCK}.`;
}
