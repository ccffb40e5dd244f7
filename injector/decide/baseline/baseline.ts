import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { type Finding, exemption, finding } from "../../model/findings.ts";
import type { Subject, Violation } from "./control.ts";
import { CONTROL_NAMES, controlOf, type ControlName } from "./controls.ts";
import { entryFor, type Exemptions, exemptedBy } from "./exemptions.ts";

/** What one control found in a pod. */
export interface ControlResult {
  readonly control: ControlName;
  /** What is forbidden and not exempted. */
  readonly violations: readonly Violation[];
  /** The entries of `podrole.dev/exempt` that were needed, each with what it lets pass. */
  readonly exempted: ReadonlyMap<string, readonly Violation[]>;
}

const NOTHING: ReadonlyMap<string, readonly Violation[]> = new Map();

/** Holds a pod against Pod Security level `baseline`, less what the namespace is exempted from. Pure. */
export const judgeBaseline = (subject: Subject, exempt: Exemptions): readonly ControlResult[] =>
  CONTROL_NAMES.filter((control) => subject.guard || controlOf(control).forSidecar).map((control) => {
    const found = controlOf(control).violations(subject);
    if (found.length === 0) return { control, violations: found, exempted: NOTHING };
    const violations: Violation[] = [];
    const exempted = new Map<string, Violation[]>();
    for (const violation of found) {
      const entry = exemptedBy(control, violation, exempt);
      if (entry === undefined) violations.push(withReadOnlyRemedy(control, violation, exempt));
      else if (exempted.get(entry)?.push(violation) === undefined) exempted.set(entry, [violation]);
    }
    return { control, violations, exempted };
  });

/** If only the mounts stand between a path of the node and its exemption. */
const withReadOnlyRemedy = (control: ControlName, violation: Violation, exempt: Exemptions): Violation =>
  violation.readOnly === false && exemptedBy(control, { ...violation, readOnly: true }, exempt) !== undefined
    ? { ...violation, remedy: "Set readOnly to true on every mount of the volume, without mountPropagation" }
    : violation;

/** A denial for each violation, and a warning for each exemption that was used. */
export const baselineFindings = (results: readonly ControlResult[], guard: boolean): readonly Finding[] =>
  results.flatMap(({ control, violations, exempted }) => [
    ...violations.map((violation) =>
      finding(
        controlOf(control).code,
        `${violation.what}, ${guard ? FORBIDDEN : EXPOSING}.`,
        `${violation.remedy}${orExempt(entryFor(control, violation))}.`,
      ),
    ),
    ...Array.from(exempted, ([entry, [first, ...more]]) =>
      exemption(
        entry,
        `${first?.what ?? ""}${more.length === 0 ? "" : ` (and ${more.length} more like it)`}, which ${entry} in the namespace's annotation ${ANNOTATION.exempt} allows.`,
      ),
    ),
  ]);

const FORBIDDEN = "which podrole forbids in pods with a guard (Pod Security level baseline)";
const EXPOSING = "through which it could reach the sidecar's or other pods' credentials";

const orExempt = (entry: string | undefined): string =>
  entry === undefined
    ? ""
    : `, or ask a cluster admin to add ${entry} to the namespace's annotation ${ANNOTATION.exempt}`;
