import type { Written } from "../../config/read-config.ts";
import type { NamespacePlan } from "./assess.ts";
import type { OriginName } from "./from/origin.ts";
import type { GrantObject } from "./grants.ts";
import type { Note } from "./note.ts";
import type { Step } from "./step.ts";
import type { PlannedPolicy } from "./trust/policies.ts";
import { titleOf } from "./workloads.ts";

/** All that a run has found. */
export interface Report {
  readonly origin: OriginName;
  /** Where the tool was found. */
  readonly found: readonly string[];
  readonly assumptions: readonly string[];
  /** podrole's settings for it, by their names in the chart's `options`. */
  readonly settings: Written;
  readonly plans: readonly NamespacePlan[];
  readonly grants: readonly GrantObject[];
  readonly policies: readonly PlannedPolicy[];
  /** Of no single namespace. */
  readonly notes: readonly Note[];
  /** Empty without `--dir`. */
  readonly steps: readonly Step[];
}

/** Every note once, the report's own first. */
export const notesIn = ({ notes, plans }: Report): readonly Note[] => [
  ...new Map(
    [
      ...notes,
      ...plans.flatMap((plan) => [...plan.notes, ...plan.workloads.flatMap((one) => one.notes)]),
    ].map((one) => [`${one.code} ${one.message}`, one]),
  ).values(),
];

/** Whether there is something to decide about before the migration. */
export const hasTrouble = (report: Report): boolean =>
  report.plans.some(({ workloads }) =>
    workloads.some(({ verdict }) => verdict === "refused" || verdict === "differs"),
  ) || report.notes.some(({ code }) => code === "NOT_READ");

/** For programs. */
export const reportJson = (report: Report): object => ({
  from: report.origin,
  found: report.found,
  assumptions: report.assumptions,
  settings: report.settings,
  namespaces: report.plans.map(({ name, moves, hasLabel, verifies, workloads }) => ({
    name,
    moves: moves === true,
    ...(moves === true ? {} : { because: moves }),
    hasLabel,
    guardVerifies: verifies,
    workloads: workloads.map(({ workload, verdict, roles, findings, notes }) => ({
      object: titleOf(workload),
      serviceAccount: workload.serviceAccount,
      now: workload.now,
      verdict,
      roles,
      findings,
      notes: notes.map(({ code }) => code),
    })),
  })),
  grants: report.grants,
  policies: report.policies,
  notes: notesIn(report),
  steps: report.steps,
});
