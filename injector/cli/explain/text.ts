import type { Severity } from "../../model/findings.ts";
import type { Paint } from "../print/paint.ts";
import type { BrokerAnswer } from "./broker-answers.ts";
import type { After, ContainerAfter } from "./after.ts";
import type { Explanation } from "./explanation.ts";
import type { Candidate, Step } from "./step.ts";
import { plain, wrapped } from "../print/lines.ts";

/** Behind the longest question, so that the answers stand below each other. */
const COLUMN = 39;
const STYLES = { deny: "red", warn: "yellow", info: "cyan" } as const satisfies Record<Severity, string>;
const RANKS: Readonly<Record<Severity, number>> = { info: 0, warn: 1, deny: 2 };
const DECISIONS = { deny: "red", skip: "yellow", inject: "green" } as const;
const STATES: Readonly<Record<NonNullable<Explanation["running"]>["state"], string>> = {
  same: "Injected as this version injects",
  differently: "Injected differently",
  "not-injected": "Not injected",
  unknown: "Cannot be compared",
};

/** Explanations for a person. Pure. */
export const textOf = (explanations: readonly Explanation[], width: number, paint: Paint): string =>
  explanations.map((one) => `${linesOf(one, width, paint).join("\n")}\n`).join("\n");

function linesOf(one: Explanation, width: number, paint: Paint): readonly string[] {
  const section = (title: string, lines: readonly string[]): readonly string[] =>
    lines.length === 0 ? [] : ["", paint("bold", title), ...lines];
  // The worst last, where a terminal stops.
  const bySeverity = [...one.findings].sort((a, b) => RANKS[a.severity] - RANKS[b.severity]);
  const findings = bySeverity.flatMap(({ code, severity, message, remedy }) => [
    `  ${paint(STYLES[severity], severity)}  ${code}`,
    ...wrapped(message, width, 8),
    ...(remedy === "" ? [] : wrapped(`To do: ${remedy}`, width, 8)),
  ]);
  return [
    ...wrapped(one.object, width, 0).map((line) => paint("bold", line)),
    ...wrapped(one.summary, width, 2).map((line) => paint(DECISIONS[one.decision], line)),
    ...one.assumptions.flatMap((text) => wrapped(text, width, 2)).map((line) => paint("dim", line)),
    ...section(
      "Decision",
      one.steps.flatMap((step) => stepLines(step, width, paint)),
    ),
    ...section("Result", one.after === undefined ? [] : afterLines(one.after, width)),
    ...section("Running", one.running === undefined ? [] : runningLines(one.running, width)),
    ...section(
      "Asked now, the broker would answer",
      (one.broker ?? []).flatMap((answer) => brokerLines(answer, width, paint)),
    ),
    ...section(
      "The API server says",
      (one.answered ?? []).flatMap((line) => wrapped(line, width, 2)),
    ),
    ...section("Findings", findings),
  ];
}

/** The answer beside its question; the reason behind it where it fits, and else below. */
function stepLines({ question, answer, because, considered = [] }: Step, width: number, paint: Paint) {
  const together = wrapped(`${answer}: ${because}`, width, COLUMN);
  const lines =
    together.length === 1 || PLAIN_ANSWERS.has(answer)
      ? together
      : [...wrapped(answer, width, COLUMN), ...wrapped(because, width, COLUMN)];
  const [first = "", ...rest] = lines.map((line) => line.slice(COLUMN));
  return [
    `  ${plain(question)}`.padEnd(COLUMN) +
      (first.startsWith(answer) ? first.replace(answer, () => paint("cyan", answer)) : first),
    ...rest.map((line) => " ".repeat(COLUMN) + line),
    ...considered.flatMap((one) => candidateLines(one, width, paint)),
  ];
}

const PLAIN_ANSWERS: ReadonlySet<string> = new Set(["yes", "no", "none"]);

function candidateLines({ name, holds, result, decided }: Candidate, width: number, paint: Paint) {
  const text = `${name}${holds === undefined ? "" : `: ${holds}`} -> ${result}`;
  const [first = "", ...rest] = wrapped(text, width, 8);
  const mark = decided ? "*" : "-";
  return [`      ${mark} ${first.trim()}`, ...rest].map((line) =>
    decided ? paint("cyan", line) : paint("dim", line),
  );
}

function afterLines({ containers, volumes, annotations }: After, width: number): readonly string[] {
  const column = Math.min(30, Math.max(...containers.map(({ name }) => name.length))) + 4;
  const named = (name: string, text: string): readonly string[] => {
    const [first = "", ...rest] = wrapped(text, width, column);
    return [`  ${plain(name).padEnd(column - 2)}${first.trim()}`, ...rest];
  };
  return [
    ...containers.flatMap((one) => named(one.name, containerText(one))),
    ...(volumes.length === 0 ? [] : wrapped(`New volumes: ${volumes.join(", ")}`, width, 2)),
    ...(annotations.length === 0 ? [] : wrapped(`New annotations: ${annotations.join(", ")}`, width, 2)),
  ];
}

function containerText({ init, ours, credentials, variables, changes }: ContainerAfter): string {
  return [
    ...(init ? ["init"] : []),
    ...(ours ? [] : [credentials ? "credentials" : "no credentials"]),
    ...changes,
    ...(variables.length === 0 ? [] : [`sets ${variables.join(", ")}`]),
  ].join("; ");
}

/** What the broker would answer now, of one identity. */
function brokerLines(answer: BrokerAnswer, width: number, paint: Paint): readonly string[] {
  const { identity, role } = answer;
  if (answer.kind === "refused") {
    return [
      `  ${paint("red", "refused")}  ${plain(identity)}: ${answer.code}`,
      ...wrapped(answer.message, width, 8),
      ...wrapped(`To do: ${answer.remedy}`, width, 8),
    ];
  }
  const { rule, sessionName, durationSeconds, region, sourceIdentity, isShared } = answer;
  const words = [
    `a session of ${role} for ${durationSeconds} seconds, by STS of ${region}`,
    `name ${sessionName}`,
    ...(sourceIdentity === undefined ? [] : [`source identity ${sourceIdentity}`]),
    ...(isShared ? ["shared with other pods of its service account"] : []),
    `allowed by ${rule}`,
  ].join("; ");
  return [`  ${paint("green", "session")}  ${plain(identity)}`, ...wrapped(words, width, 8)];
}

const runningLines = ({ state, because }: NonNullable<Explanation["running"]>, width: number) =>
  wrapped(`${STATES[state]}: ${because}`, width, 2);
