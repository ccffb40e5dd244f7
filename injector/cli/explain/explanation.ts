import { admitPod, type PodOutcome } from "../../review/admit-pod.ts";
import { isLabelled, type Facts } from "../../model/facts.ts";
import { straysAbove } from "../../decide/strays-above.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { decide } from "../../decide/decide.ts";
import { SOME_NODE } from "../../decide/pod-kinds.ts";
import type { Finding } from "../../model/findings.ts";
import { userContainers } from "../../model/user-containers.ts";
import { serviceAccountIn, type Pod } from "../../model/pod.ts";
import type { Fields } from "../../model/read.ts";
import type { AnsweredQuestion } from "../../decide/trace.ts";
import { kindOf, nameOfObject, templateOf } from "../../model/workload.ts";
import { brokerAnswers, type BrokerAnswer } from "./broker-answers.ts";
import { afterOf, type After } from "./after.ts";
import { envFromFindings, type KeysOf } from "./env-from.ts";
import { runningOf, type Running } from "./running.ts";
import type { Around, Step } from "./step.ts";
import { identitiesText } from "./roles.ts";
import { answersOf, stepsOf } from "./steps.ts";
import type { SkipReason } from "../../decide/intent.ts";
import { placeholders } from "../../mutate/fresh.ts";

/** Why a pod, or the pods of a workload, are changed as they are. It holds no secret beyond what the pod itself shows. */
export interface Explanation {
  /** `Kind namespace/name`. */
  readonly object: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly decision: PodOutcome["kind"];
  readonly reason?: SkipReason;
  /** The decision in a few words. */
  readonly summary: string;
  /** What was assumed for want of a source; sentences. */
  readonly assumptions: readonly string[];
  readonly steps: readonly Step[];
  /** The pod that results, where it is injected. */
  readonly after?: After;
  /** What a webhook said in a dry run has its remedy in the message, and none beside it. */
  readonly findings: readonly Finding[];
  /** What others than podrole said in a dry run, such as Pod Security; sentences. */
  readonly answered?: readonly string[];
  /** Of a pod that exists. */
  readonly running?: Running;
  /** Of a pod that exists and has its sessions from the broker. */
  readonly broker?: readonly BrokerAnswer[];
}

export interface Setting {
  readonly where: Around["where"];
  readonly assumptions: readonly string[];
  /** Whether the object is in the cluster, too, and not only what it is decided by. */
  readonly isStored?: boolean;
  /** Namespaces in which podrole does nothing, of those that are known. */
  readonly excluded?: ReadonlySet<string>;
  /** What ConfigMaps and Secrets hold that containers take variables from. Absent: nobody has looked. */
  readonly keysOf?: KeysOf;
}

/**
 * One object's decision, as the webhook takes it on creation, with its reasons. Pure.
 * @param object a pod, or a workload that {@link templateOf} knows
 */
export function explain(
  object: Fields,
  facts: Facts,
  config: InjectorConfig,
  { where, assumptions, isStored = where === "cluster", excluded = new Set(), keysOf }: Setting,
): Explanation {
  const pod = templateOf(object)?.pod ?? object;
  const asked: AnsweredQuestion[] = [];
  const requester = isStored && kindOf(object) === "Pod" ? SOME_NODE : undefined;
  const decision = decide(pod, facts, config, requester, (one) => asked.push(one));
  const outcome = admitPod(pod, facts, config, placeholders, requester);
  // If it is not a pod, no step reads it: "Is it a pod?" is then the only step.
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
    findings: [
      ...(isLabelled(facts) ? straysAbove(object, config) : []),
      ...outcome.findings,
      ...(keysOf === undefined ? [] : ofEnvFrom(outcome, facts, keysOf)),
    ],
    ...(isStored && kindOf(object) === "Pod" && !asked.some(isProblem)
      ? { running: runningOf(around.pod, outcome), ...ofBroker(asked, around, excluded) }
      : {}),
  };
}

function ofEnvFrom(outcome: PodOutcome, { namespace }: Facts, keysOf: KeysOf): readonly Finding[] {
  if (outcome.kind !== "inject" || outcome.sidecar === undefined) return [];
  const exposed = new Set(outcome.sidecar.identities.flatMap(({ containers }) => containers));
  const containers = userContainers(outcome.before).filter(({ name }) => exposed.has(name));
  return envFromFindings(containers, namespace.name, keysOf);
}

function ofBroker(
  asked: readonly AnsweredQuestion[],
  { pod, facts, config }: Around,
  excluded: ReadonlySet<string>,
): Pick<Explanation, "broker"> {
  const { settings, role } = answersOf(asked);
  const wanted = settings?.source === "broker" && role?.kind === "role" ? role.arn : undefined;
  const broker = brokerAnswers(pod, wanted, facts, config, excluded);
  return broker.length === 0 ? {} : { broker };
}

const isProblem = ({ question, answer }: AnsweredQuestion): boolean =>
  question === "problem" && answer !== undefined;

/** A step of its own, since it compares with what the decision would write. */
const FOREIGN: Step = {
  id: "foreign",
  question: "Are podrole's containers unchanged?",
  answer: "no",
  because: "INJECTED_DIFFERENTLY, see the findings",
};

const SKIPPED: Readonly<Record<SkipReason, string>> = {
  "namespace-not-labelled": "its namespace is not labelled for podrole",
  "mirror-pod": "it mirrors a static pod, which no webhook can change",
  "windows-pod": "it runs on Windows, where there is no guard",
  "host-network": "it uses the node's network, which a guard would cut off",
  "nothing-to-do": "it needs neither guard nor role",
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
      const { guard, sidecar } = outcome;
      if (sidecar === undefined) return `injected: guard (${guard}), and no role`;
      const parts = guard === undefined ? "sidecar without guard" : `guard (${guard}) and sidecar`;
      return `injected: ${parts}, ${identitiesText(sidecar.identities.map(({ name, role }) => [name, role]))}`;
    }
  }
}
