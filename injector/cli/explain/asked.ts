import type { DryRunAnswer } from "../../cluster/api-server.ts";
import { NAMESPACE_LABEL } from "../../../sidecar/contract/annotations.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { podStatus } from "../../decide/pod-status.ts";
import { straysAbove } from "../../decide/strays-above.ts";
import { isLabelled, type Facts } from "../../model/facts.ts";
import { FINDINGS, type Finding, type FindingCode } from "../../model/findings.ts";
import { guardModeIn, sidecarIn } from "../../model/own-form.ts";
import { ENDPOINT_VARIABLES } from "../../model/endpoint.ts";
import { envVar, serviceAccountIn, type Container, type PodSpec } from "../../model/pod.ts";
import { isPodroleContainer } from "../../model/user-containers.ts";
import { envFromFindings, type KeysOf } from "./env-from.ts";
import { fieldsIn, metadataOf, own, recordsIn, stringMap, type Fields } from "../../model/read.ts";
import { nameOfObject, templateOf } from "../../model/workload.ts";
import type { Explanation } from "./explanation.ts";
import { annotation } from "../../model/annotations.ts";
import { identitiesText } from "./roles.ts";
import { holding, shown, type Candidate, type Step } from "./step.ts";

export interface Asked {
  readonly answer: DryRunAnswer;
  /** What could be read; the namespace is undefined where it may not be read. */
  readonly facts: Facts;
  readonly knowsNamespace: boolean;
  readonly config: InjectorConfig;
  readonly assumptions: readonly string[];
  readonly keysOf: KeysOf;
}

/**
 * What admission answered to a dry run of an object's pod, for a user who may not read the rules. Which rule decided is not in it.
 * Pure.
 */
export function explainAnswer(object: Fields, asked: Asked): Explanation {
  const { answer, facts, config, assumptions, knowsNamespace } = asked;
  const pod = templateOf(object)?.pod ?? object;
  const { decision, summary } = outcomeOf(asked);
  return {
    object: nameOfObject(object, facts.namespace.name),
    namespace: facts.namespace.name,
    serviceAccount: serviceAccountIn(pod),
    decision,
    summary: `${pod === object ? "" : "its pods are "}${summary}`,
    assumptions,
    steps: [...(knowsNamespace ? [labelStep(facts)] : []), ...roleSteps(pod, facts, config)],
    findings: [
      ...(knowsNamespace && isLabelled(facts) ? straysAbove(object, config) : []),
      ...answer.warnings.flatMap((line) => findingsIn(line)),
      ...findingsIn(answer.said),
      ...envFromFindings(withCredentials(answer.object), facts.namespace.name, asked.keysOf),
    ],
    answered: [...answer.warnings, ...(answer.said === "" ? [] : [answer.said])].filter(
      (line) => findingsIn(line).length === 0,
    ),
  };
}

/** The containers that admission gave the sidecar's address. */
const withCredentials = (pod: Fields = {}): readonly Container[] => {
  const spec = fieldsIn(pod, "spec");
  const all = [
    ...recordsIn(spec, "initContainers"),
    ...recordsIn(spec, "containers"),
  ] as unknown as Container[];
  return all.filter(
    (one) => !isPodroleContainer(one) && ENDPOINT_VARIABLES.some((name) => envVar(one, name) !== undefined),
  );
};

function outcomeOf({ answer, facts, knowsNamespace }: Asked): Pick<Explanation, "decision" | "summary"> {
  const { object, said } = answer;
  if (object === undefined) {
    const codes = [...new Set(findingsIn(said).map(({ code }) => code))].join(", ");
    return { decision: "deny", summary: codes === "" ? "refused by the API server" : `denied: ${codes}` };
  }
  const spec = fieldsIn(object, "spec") as unknown as PodSpec;
  const guard = guardModeIn(spec);
  const sidecar = sidecarIn(spec);
  if (guard === undefined && sidecar === undefined) {
    const why =
      knowsNamespace && !isLabelled(facts)
        ? "its namespace is not labelled for podrole"
        : "admission put neither guard nor sidecar into it";
    return { decision: "skip", summary: `left alone: ${why}` };
  }
  const roles = podStatus(stringMap(own(metadataOf(object), "annotations")))?.roles ?? [];
  const parts = [...(guard === undefined ? [] : [`guard (${guard})`]), ...(sidecar ? ["sidecar"] : [])];
  const as = sidecar === undefined ? "and no role" : identitiesText(roles);
  return { decision: "inject", summary: `injected: ${[parts.join(" and "), as].filter(Boolean).join(", ")}` };
}

function labelStep({ namespace }: Facts): Step {
  const value = namespace.labels[NAMESPACE_LABEL.key];
  const is = value === NAMESPACE_LABEL.value;
  const only = is ? "" : `, and only ${JSON.stringify(NAMESPACE_LABEL.value)} counts`;
  return {
    id: "labelled",
    question: "Is its namespace labelled?",
    answer: is ? "yes" : "no",
    because: `label ${NAMESPACE_LABEL.key} is ${shown(value)}${only}`,
  };
}

/** The two annotations that a tenant writes; of a RoleGrant's default and the settings' nothing is known. */
function roleSteps(pod: Fields, { serviceAccount }: Facts, { keys }: InjectorConfig): readonly Step[] {
  const ofPod = annotation(stringMap(own(metadataOf(pod), "annotations")), keys.role);
  const ofAccount = annotation(serviceAccount?.annotations, keys.serviceAccountRole);
  const first = ofPod ?? ofAccount;
  if (first === undefined) return [];
  const candidate = (name: string, raw: string | undefined, decided: boolean): Candidate => {
    const result = decided ? "taken" : "passed over, an earlier one is set";
    return { name, ...holding(raw), result: raw === undefined ? "not set" : result, decided };
  };
  const account = serviceAccountIn(pod);
  const considered = [
    candidate(`annotation ${keys.role} of the pod`, ofPod, ofPod !== undefined),
    candidate(
      `annotation ${keys.serviceAccountRole} of service account ${account}`,
      ofAccount,
      ofPod === undefined,
    ),
  ];
  const question = "Which role does it ask for?";
  return [{ id: "role", question, answer: shown(first), because: "the first that is set", considered }];
}

/** Before each finding in a sentence of podrole's webhook or policies. */
const CODE = /\[(?<code>[A-Z][A-Z0-9_]+)\] /;

/** The findings in a text; what to do is at the end of each message, since the text does not part them. */
export function findingsIn(text: string): readonly Finding[] {
  return text.split(new RegExp(`(?=${CODE.source.replace("?<code>", "")})`)).flatMap((part) => {
    const found = CODE.exec(part);
    const code = found?.groups?.["code"] ?? "";
    if (found?.index !== 0 || !isCode(code)) return [];
    const message = part.slice(found[0].length).trim();
    return [{ code, severity: FINDINGS[code].severity, message, remedy: "" }];
  });
}

const isCode = (code: string): code is FindingCode => Object.hasOwn(FINDINGS, code);
