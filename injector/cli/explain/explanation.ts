import { admitPod, type PodOutcome } from "../../review/admit-pod.ts";
import type { Facts } from "../../model/facts.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { decide } from "../../decide/decide.ts";
import type { Finding } from "../../model/findings.ts";
import { serviceAccountIn, type Pod } from "../../model/pod.ts";
import type { Fields } from "../../model/read.ts";
import type { Asked } from "../../decide/trace.ts";
import { kindOf, nameOfObject, templateOf } from "../../model/workload.ts";
import { afterOf, type After } from "./after.ts";
import { runningOf, type Running } from "./running.ts";
import type { Around, Step } from "./step.ts";
import { stepsOf } from "./steps.ts";
import type { SkipReason } from "../../decide/intent.ts";

/** Why a pod, or the pods of a workload, become what they become. All of it may be shown to anybody who sees the pod. */
export interface Explanation {
  /** `Kind namespace/name`. */
  readonly object: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly decision: PodOutcome["kind"];
  readonly reason?: SkipReason;
  /** The decision in a few words. */
  readonly summary: string;
  /** What was taken to be so because nothing said otherwise; sentences. */
  readonly assumptions: readonly string[];
  readonly steps: readonly Step[];
  /** The pod as it is to run, where it is injected. */
  readonly after?: After;
  readonly findings: readonly Finding[];
  /** Of a pod that exists. */
  readonly running?: Running;
}

export interface Setting {
  readonly where: Around["where"];
  readonly assumptions: readonly string[];
}

/** Never shown: explanations hold names of variables and not their values. */
const noToken = (): string => "";

/**
 * One object's decision, as the webhook takes it on creation, with its reasons. Pure.
 * @param object a pod, or a workload that {@link templateOf} knows
 */
export function explain(
  object: Fields,
  facts: Facts,
  config: InjectorConfig,
  { where, assumptions }: Setting,
): Explanation {
  const pod = templateOf(object)?.pod ?? object;
  const asked: Asked[] = [];
  const decision = decide(pod, facts, config, undefined, (one) => asked.push(one));
  const outcome = admitPod(pod, facts, config, noToken);
  // Not looked into where it is none: nothing is asked after "Is it a pod?" then.
  const around: Around = { pod: pod as unknown as Pod, facts, config, where };
  const foreign = decision.kind === "inject" && outcome.kind === "deny";
  return {
    object: nameOfObject(object, facts.namespace.name),
    namespace: facts.namespace.name,
    serviceAccount: serviceAccountIn(pod),
    decision: outcome.kind,
    ...(outcome.kind === "skip" ? { reason: outcome.reason } : {}),
    summary: `${pod === object ? "" : "its pods are "}${summaryOf(outcome)}`,
    assumptions,
    steps: [...stepsOf(asked, around), ...(foreign ? [FOREIGN] : [])],
    ...(outcome.kind === "inject" ? { after: afterOf(outcome, config) } : {}),
    findings: outcome.findings,
    ...(where === "cluster" && kindOf(object) === "Pod" && !asked.some(isProblem)
      ? { running: runningOf(around.pod, outcome) }
      : {}),
  };
}

const isProblem = ({ question, answer }: Asked): boolean => question === "problem" && answer !== undefined;

/** Asked after the decision, when it is known what would be written. */
const FOREIGN: Step = {
  id: "foreign",
  question: "Is all of podrole's in it podrole's?",
  answer: "no",
  because: "INJECTED_DIFFERENTLY, see the findings",
};

const SKIPPED: Readonly<Record<SkipReason, string>> = {
  "namespace-not-labelled": "its namespace is not podrole's",
  "mirror-pod": "it is the mirror of a static pod, which no webhook can change",
  "windows-pod": "it is for Windows, where there is no guard",
  "host-network": "it is on the node's network, which a guard would cut off",
  "nothing-to-do": "it is to have neither guard nor role",
};

function summaryOf(outcome: PodOutcome): string {
  switch (outcome.kind) {
    case "deny": {
      const codes = outcome.findings.filter(({ severity }) => severity === "deny").map(({ code }) => code);
      return `denied: ${[...new Set(codes)].join(", ")}`;
    }
    case "skip":
      return `left alone: ${SKIPPED[outcome.reason]}`;
    case "inject": {
      if (outcome.sidecar === undefined) return "injected: guard, and no role";
      return `injected: ${outcome.guard ? "guard and sidecar" : "sidecar without guard"}, as ${outcome.sidecar.identities.map(({ role }) => role).join(", ")}`;
    }
  }
}
