import type { Finding } from "../../model/findings.ts";
import type { Paint } from "../print/paint.ts";
import { plain, wrapped } from "../print/lines.ts";
import type { OriginName } from "./from/origin.ts";
import type { Assessed, NamespacePlan } from "./assess.ts";
import { NOTES, type Note } from "./note.ts";
import { notesIn, type Report } from "./report.ts";
import type { Step } from "./step.ts";
import { titleOf } from "./workloads.ts";

/** As many of a kind as are shown. */
const MOST = 3;

/** The report for a person. Pure. */
export function reportText(report: Report, width: number, paint: Paint): string {
  const { origin, plans, grants, policies, assumptions, steps, found } = report;
  const section = (title: string, lines: readonly string[]): readonly string[] =>
    lines.length === 0 ? [] : ["", paint("bold", title), ...lines];
  const moving = plans.filter(({ moves }) => moves === true);
  const all = moving.flatMap(({ workloads }) => workloads);
  const counted = (verdict: Assessed["verdict"]): readonly Assessed[] =>
    all.filter((one) => one.verdict === verdict);
  const withRole = counted("same").filter(({ roles }) => roles.length > 0).length;
  const notes = notesIn(report);
  return `${[
    paint("bold", `From ${origin} to podrole`),
    ...wrapped(found.length === 0 ? NOT_FOUND[origin] : `Found: ${found.join(", ")}.`, width, 2),
    ...assumptions.flatMap((line) => wrapped(line, width, 2)).map((line) => paint("dim", line)),
    ...wrapped(
      `${count(moving.length, "namespace")} to move: ${count(withRole, "workload")} with the role of now, ${counted("same").length - withRole} without a role as now, ${counted("differs").length} with another role, ${counted("refused").length} refused. ${count(grants.length, "RoleGrant")}, ${count(policies.length, "IAM policy", "IAM policies")}.`,
      width,
      2,
    ),
    ...section(
      "Refused",
      counted("refused").flatMap((one) => refusedLines(one, width, paint)),
    ),
    ...section(
      "Another role than now",
      counted("differs").flatMap((one) => differsLines(one, width, paint)),
    ),
    ...section("Warnings", warningLines(all, width, paint)),
    ...section("Notes", noteLines(notes, width, paint)),
    ...section(
      "Namespaces",
      plans.flatMap((plan) => wrapped(namespaceLine(plan), width, 2)),
    ),
    ...section(
      "Steps",
      steps.flatMap((step, index) => stepLines(step, index + 1, width, paint)),
    ),
    ...(steps.length > 0 ? [] : ["", "For the files and the commands, run the same with --dir FOLDER."]),
  ].join("\n")}\n`;
}

const NOT_FOUND: Readonly<Record<OriginName, string>> = {
  kube2iam: "kube2iam was not found.",
  kiam: "kiam was not found.",
  irsa: "No webhook was found: EKS runs it outside the cluster, with its defaults.",
};

const count = (number: number, one: string, many = `${one}s`): string =>
  `${number} ${number === 1 ? one : many}`;

function refusedLines(one: Assessed, width: number, paint: Paint): readonly string[] {
  const { workload, findings } = one;
  return [
    `  ${paint("red", plain(titleOf(workload)))}`,
    ...wrapped(`Now: ${nowWords(one)}`, width, 6),
    ...findings
      .filter(({ severity }) => severity === "deny")
      .flatMap((found) => findingLines(found, width, 6)),
  ];
}

function differsLines(one: Assessed, width: number, paint: Paint): readonly string[] {
  const then = one.roles.length === 0 ? "no role" : one.roles.join(", ");
  return [
    `  ${paint("yellow", plain(titleOf(one.workload)))}`,
    ...wrapped(`Now: ${nowWords(one)}. With podrole: ${then}.`, width, 6),
  ];
}

function nowWords({ workload: { now } }: Assessed): string {
  switch (now.kind) {
    case "none":
      return now.why === undefined ? "no role" : `no role; ${now.why}`;
    case "role":
      return `${now.arn}, by ${now.by}`;
    case "kept":
      return `${now.arn}, by ${now.by}; ${now.why}`;
    case "refused":
      return `no role; it names ${now.arn}, and ${now.why}`;
  }
}

const findingLines = (
  { code, message, remedy }: Finding,
  width: number,
  indent: number,
): readonly string[] => [
  ...wrapped(`[${code}] ${message}`, width, indent),
  ...wrapped(`To do: ${remedy}`, width, indent),
];

/** Each message once, with who has it, and at most three messages of a code: in a cluster hundreds of pods may have the same. */
function warningLines(all: readonly Assessed[], width: number, paint: Paint): readonly string[] {
  const found = all
    .filter(({ verdict }) => verdict !== "refused")
    .flatMap(({ workload, findings }) =>
      findings.filter(({ severity }) => severity === "warn").map((finding) => ({ workload, finding })),
    );
  return [...Map.groupBy(found, ({ finding }) => finding.code)].flatMap(([code, of]) => {
    const messages = [...Map.groupBy(of, ({ finding }) => `${finding.message} ${finding.remedy}`)];
    return [
      ...messages.slice(0, MOST).flatMap(([message, those]) => {
        const names = [...new Set(those.map(({ workload }) => titleOf(workload)))];
        const more = names.length > MOST ? ` and ${names.length - MOST} more` : "";
        return [
          `  ${paint("yellow", "warn")}  ${code}: ${plain(names.slice(0, MOST).join(", "))}${more}`,
          ...wrapped(message, width, 8),
        ];
      }),
      ...moreLine(messages.length),
    ];
  });
}

/** At most three of a code: of hundreds of pods the rest is in the JSON. */
const noteLines = (notes: readonly Note[], width: number, paint: Paint): readonly string[] =>
  [...Map.groupBy(notes, ({ code }) => code)].flatMap(([code, of]) => [
    `  ${paint(NOTES[code].severity === "warn" ? "yellow" : "cyan", NOTES[code].severity)}  ${code}`,
    ...of.slice(0, MOST).flatMap(({ message }) => wrapped(message, width, 8)),
    ...moreLine(of.length),
  ]);

const moreLine = (total: number): readonly string[] =>
  total > MOST ? [`        And ${total - MOST} more like these: -o json has all.`] : [];

function namespaceLine({ name, moves, workloads, hasLabel }: NamespacePlan): string {
  if (moves !== true) return `${name}: stays, ${moves}`;
  const refused = workloads.filter(({ verdict }) => verdict === "refused").length;
  return `${name}: ${hasLabel ? "has the label" : "moves"}, ${count(workloads.length, "workload")}${refused === 0 ? "" : `, ${refused} of them refused`}`;
}

function stepLines(
  { title, about, commands, back }: Step,
  number: number,
  width: number,
  paint: Paint,
): readonly string[] {
  return [
    `  ${number}. ${title}`,
    ...about.flatMap((line) => wrapped(line, width, 5)),
    ...commands.map((line) => `     ${paint("cyan", line)}`),
    ...back.map((line) => `     ${paint("dim", `back: ${line}`)}`),
  ];
}
