import { asksForWindows, MIRROR } from "../../decide/pod-kinds.ts";
import { ANNOTATION, NAMESPACE_LABEL } from "../../../sidecar/contract/annotations.ts";
import { exposingAnnotations } from "../../decide/exposure.ts";
import { ENFORCED_LEVEL, levelWithoutNetAdmin } from "../../model/guard-mode.ts";
import type { Answers, AnsweredQuestion } from "../../decide/trace.ts";
import type { Source } from "../../../sidecar/contract/session.ts";
import { brokerSteps } from "./broker-steps.ts";
import { meshStep } from "./mesh.ts";
import { policyStep } from "./policy.ts";
import { roleStep } from "./role.ts";
import { sessionSteps } from "./session.ts";
import { resourcesStep } from "./resources.ts";
import { tokenStep } from "./token.ts";
import { shown, yesNo, type Around, type Step } from "./step.ts";

export const answersOf = (asked: readonly AnsweredQuestion[]): Partial<Answers> =>
  Object.fromEntries(asked.map(({ question, answer }) => [question, answer]));

/** The questions of a decision, in words. */
export function stepsOf(asked: readonly AnsweredQuestion[], around: Around): readonly Step[] {
  const answers = answersOf(asked);
  return asked.flatMap((one) => stepsOfOne(one, around, answers));
}

/** @param answers of the other questions, which some wordings refer to */
function stepsOfOne(asked: AnsweredQuestion, around: Around, answers: Partial<Answers>): readonly Step[] {
  switch (asked.question) {
    case "problem":
      // Only a problem is worth a line.
      return asked.answer === undefined ? [] : [step("problem", "Is it a pod?", "no", asked.answer)];
    case "settings":
      return settingSteps(asked.answer, around);
    case "role":
      return [roleStep(asked.answer, around)];
    case "policy":
      return answers.role?.kind === "role" && answers.settings !== undefined
        ? [policyStep(asked.answer, { role: answers.role.arn, source: answers.settings.source }, around)]
        : [];
    case "session":
      return answers.role?.kind === "role" && answers.settings !== undefined
        ? sessionSteps(asked.answer, answers.settings.source, answers.role.arn, around)
        : [];
    case "container":
      return answers.settings === undefined
        ? []
        : [containerStep(asked.answer, answers.settings.source, around)];
    case "imds":
      return [imdsStep(asked.answer, around)];
    case "exposed":
      return [...brokerSteps(answers, around), exposedStep(asked.answer, around)];
    case "start":
      return [startStep(asked.answer, around)];
    case "token":
      return [tokenStep(asked.answer, around)];
    case "mesh":
      // Most pods are in none.
      return asked.answer === undefined ? [] : [meshStep(asked.answer)];
    case "baseline":
      return [baselineStep(asked.answer, around)];
    case "hazards":
      return [hazardStep(asked.answer)];
    case "resources":
      return [resourcesStep(asked.answer, around, answers)];
    case "labelled":
    case "mirror":
    case "windows":
    case "inject":
    case "hostNetwork":
      return [fieldStep(asked, around)];
  }
}

const step = (id: string, question: string, answer: string, because: string): Step => ({
  id,
  question,
  answer,
  because,
});

/** Those that one field of the pod or of its namespace answers. */
function fieldStep(
  asked: AnsweredQuestion & {
    readonly question: "labelled" | "mirror" | "windows" | "inject" | "hostNetwork";
  },
  { pod, facts: { namespace } }: Around,
): Step {
  const annotation = (key: string): string =>
    `annotation ${key} is ${shown(pod.metadata?.annotations?.[key])}`;
  const label = (key: string): string => `label ${key} is ${shown(namespace.labels[key])}`;
  const { question: id } = asked;
  switch (id) {
    case "labelled": {
      const only = asked.answer ? "" : `, and only ${JSON.stringify(NAMESPACE_LABEL.value)} counts`;
      const because = `${label(NAMESPACE_LABEL.key)}${only}`;
      return step(id, "Is its namespace labelled?", yesNo(asked.answer), because);
    }
    case "mirror": {
      const isMarked = pod.metadata?.annotations?.[MIRROR] !== undefined;
      const because = `${annotation(MIRROR)}${isMarked && !asked.answer ? ", and only a node may create a mirror" : ""}`;
      return step(id, "Is it the mirror of a static pod?", yesNo(asked.answer), because);
    }
    case "windows": {
      const asks = asksForWindows(pod.spec);
      const because =
        asks === undefined
          ? `OS ${shown(pod.spec.os?.name)}, node selector ${shown(pod.spec.nodeSelector?.["kubernetes.io/os"])}`
          : `${asks} asks for windows`;
      return step(id, "Is it for Windows?", yesNo(asked.answer), because);
    }
    case "inject": {
      const because = annotation(ANNOTATION.inject);
      return step(id, "Does it decline a role?", yesNo(asked.answer === "false"), because);
    }
    case "hostNetwork": {
      const because = `spec.hostNetwork is ${asked.answer ? "true" : "not true"}`;
      return step(id, "Is it on the node's network?", yesNo(asked.answer), because);
    }
  }
}

function settingSteps({ source, guard }: Answers["settings"], { facts, config }: Around): readonly Step[] {
  const { name, annotations } = facts.namespace;
  const onNamespace = (key: string): string =>
    `annotation ${key} of namespace ${name} is ${shown(annotations[key])}`;
  const wanted = annotations[ANNOTATION.source];
  const overridden = wanted === source && config.sourceOverride.includes(source);
  const ignored =
    wanted === undefined || wanted === source
      ? ""
      : `; ${onNamespace(ANNOTATION.source)}, which the setting sourceOverride does not allow`;
  return [
    step(
      "guard",
      "Does it get the guard?",
      guard === undefined ? "no" : `yes, in mode ${guard}`,
      guardReason(facts, config).join("; "),
    ),
    step(
      "source",
      "Where would its identity come from?",
      `source ${source}`,
      overridden ? onNamespace(ANNOTATION.source) : `the setting source is ${config.source}${ignored}`,
    ),
  ];
}

/** Where the guard's mode comes from. The Pod Security label counts in `auto`, and is worth a word where it forbids mode `block`. */
function guardReason({ namespace }: Around["facts"], config: Around["config"]): readonly string[] {
  const annotation = namespace.annotations[ANNOTATION.guard];
  const wanted = annotation ?? config.guard;
  const counts =
    wanted === "auto" || (wanted === "block" && levelWithoutNetAdmin({ namespace }) !== undefined);
  return [
    annotation === undefined
      ? `the setting guard is ${config.guard}`
      : `annotation ${ANNOTATION.guard} of namespace ${namespace.name} is ${shown(annotation)}`,
    ...(counts ? [`label ${ENFORCED_LEVEL} is ${shown(namespace.labels[ENFORCED_LEVEL])}`] : []),
  ];
}

function exposedStep(exposed: readonly string[], { pod, config }: Around): Step {
  const set = exposingAnnotations(pod, config.keys).map(
    (key) => `annotation ${key} is ${shown(pod.metadata?.annotations?.[key])}`,
  );
  const because = set.length > 0 ? set.join(" and ") : "all of them, since no annotation says otherwise";
  return step("exposed", "Which containers get credentials?", exposed.join(", ") || "none", because);
}

function imdsStep({ imds, findings }: Answers["imds"], { pod, facts, config }: Around): Step {
  const set = [
    ["", pod.metadata?.annotations],
    [` of namespace ${facts.namespace.name}`, facts.namespace.annotations],
  ] as const;
  const annotations = [ANNOTATION.imds, ANNOTATION.imdsV1].flatMap((key) =>
    set.flatMap(([whose, all]) => {
      const raw = all?.[key];
      return raw == null ? [] : [`annotation ${key}${whose} is ${shown(raw)}`];
    }),
  );
  const codes = findings.filter(({ severity }) => severity === "deny").map(({ code }) => code);
  const because = [
    `the setting imds is ${config.imds}`,
    ...(annotations.length === 0 ? ["no annotation asks for it"] : annotations),
    ...(codes.length === 0 ? [] : [`${codes.join(", ")}, see the findings`]),
  ].join("; ");
  const tokens = imds?.v1 === "allowed" ? "with a token or without" : "with a token";
  return step(
    "imds",
    "Is the metadata service emulated?",
    imds === undefined ? "no" : `yes, ${tokens}`,
    because,
  );
}

function containerStep(
  { container, role, from, policy }: Answers["container"],
  source: Source,
  around: Around,
): Step {
  const { answer, because, considered = [] } = policyStep(policy, { role, source }, around);
  return {
    id: `container/${container}`,
    question: `May ${container.slice(0, 20)} use its own role?`,
    answer,
    because: `${role}, by ${from}; ${because}`,
    considered,
  };
}

const STARTS: ReadonlyMap<string, string> = new Map([
  ["wait", "once credentials are held"],
  ["now", "once the sidecar listens"],
]);

function startStep(start: string, { pod, config }: Around): Step {
  const isSet = pod.metadata?.annotations?.[ANNOTATION.start] != null;
  const because = isSet
    ? `annotation ${ANNOTATION.start} is ${shown(start)}`
    : `the setting start is ${config.start}`;
  return step("start", "When do they start?", STARTS.get(start) ?? "unknown", because);
}

function baselineStep(results: Answers["baseline"], { facts: { namespace } }: Around): Step {
  const violated = results.filter(({ violations }) => violations.length > 0).map(({ control }) => control);
  const exempted = results.flatMap(({ exempted: entries }) => [...entries.keys()]);
  const checked = results.map(({ control }) => control);
  const because = [
    ...(violated.length === 0 ? [] : [`violated: ${violated.join(", ")}, see the findings`]),
    ...(exempted.length === 0
      ? []
      : [
          `exempted by annotation ${ANNOTATION.exempt} of namespace ${namespace.name}: ${exempted.join(", ")}`,
        ]),
    `checked: ${checked.join(", ")}`,
  ].join("; ");
  return step("baseline", "Is it within Pod Security baseline?", yesNo(violated.length === 0), because);
}

function hazardStep(found: Answers["hazards"]): Step {
  const codes = [...new Set(found.map(({ code }) => code))];
  const because = codes.length === 0 ? "nothing was found" : `${codes.join(", ")}, see the findings`;
  return step("hazards", "Could it undo guard or sidecar?", yesNo(codes.length > 0), because);
}
