import type { AskedAction, AskedCall } from "./asked.ts";
import { whyNotMet } from "./condition.ts";
import { fitsGlob } from "./operator.ts";
import type { TrustPolicy, TrustStatement } from "./policy.ts";
import { whyNotPrincipal } from "./principal-match.ts";
import { shown, type Reason } from "./reason.ts";
import type { GivenPolicy } from "./role-output.ts";
import { aboutDuration, aboutWidth } from "./wide.ts";
import type { Warning } from "../document.ts";

export type Answer = "lets-in" | "refuses" | "cannot-tell";

/** What a policy says to one action of a call. */
export interface ActionAnswer {
  readonly action: string;
  readonly required: boolean;
  readonly answer: Answer;
  /** The statement that decides: it allows or, where it is a Deny, forbids. */
  readonly by?: TrustStatement;
  /** Where it is allowed, every statement that allows it: each may let in others too. */
  readonly allowing: readonly TrustStatement[];
  /** Of statements that do not allow it, those with the fewest reasons first. Empty if it is allowed. */
  readonly why: readonly WhyNot[];
}

export interface WhyNot {
  readonly statement: TrustStatement;
  readonly reasons: readonly Reason[];
}

export interface CallAnswer {
  readonly call: AskedCall;
  readonly answer: Answer;
  readonly actions: readonly ActionAnswer[];
  /** What the call gets beside, and whom else the policy lets in. */
  readonly warnings: readonly Warning[];
}

type Judged = Pick<GivenPolicy, "policy" | "maxSessionSeconds">;

/**
 * Whether a trust policy lets a call in, as IAM evaluates it: a Deny that applies wins, else one Allow is enough. It is the policy alone:
 * not judged are what the caller's own policies, a boundary, or the organisation's policies say, and whether the provider is registered.
 * Pure.
 */
export function judge({ policy, maxSessionSeconds }: Judged, call: AskedCall): CallAnswer {
  const actions = call.actions.map((action) => judgeAction(policy, call, action));
  const required = new Set(actions.filter((one) => one.required).map((one) => one.answer));
  const answer = required.has("refuses")
    ? "refuses"
    : required.has("cannot-tell")
      ? "cannot-tell"
      : "lets-in";
  const allowing = actions.find((one) => one.required && one.answer === "lets-in")?.allowing ?? [];
  const width = new Map(
    allowing.flatMap((statement) => aboutWidth(statement, call)).map((one) => [one.message, one]),
  );
  const warnings = [...width.values(), ...aboutDuration(call, maxSessionSeconds)];
  return { call, answer, actions, warnings };
}

function judgeAction(policy: TrustPolicy, { who }: AskedCall, action: AskedAction): ActionAnswer {
  const { name, required, keys } = action;
  const judged = policy.statements.map((statement) => {
    const reasons = [
      whyNotPrincipal(statement, who),
      whyNotAction(statement, name),
      ...statement.conditions.map((one) => whyNotMet(one, { who, keys, hasVariables: policy.hasVariables })),
    ].filter((one) => one !== undefined);
    return { statement, reasons, applies: appliesBy(reasons) };
  });
  const [allows, denies] = (["Allow", "Deny"] as const).map((effect) =>
    judged.filter(({ statement }) => statement.effect === effect),
  ) as [typeof judged, typeof judged];
  const said = { action: name, required, allowing: [] };
  const denied = denies.find(({ applies }) => applies === "yes");
  if (denied !== undefined) {
    const text = `It is a Deny, and applies to this call. A Deny wins over every Allow.`;
    const reason: Reason = { code: "DENY", at: "Effect", text, certain: true };
    const { statement } = denied;
    return { ...said, answer: "refuses", by: statement, why: [{ statement, reasons: [reason] }] };
  }
  const allowing = allows.filter(({ applies }) => applies === "yes").map(({ statement }) => statement);
  const [allowed] = allowing;
  const perhapsDenied = denies.filter(({ applies }) => applies === "unknown");
  if (allowed !== undefined && perhapsDenied.length === 0) {
    return { ...said, answer: "lets-in", by: allowed, allowing, why: [] };
  }
  const why = (allowed === undefined ? allows : perhapsDenied)
    .map(({ statement, reasons }) => ({ statement, reasons }))
    .sort((a, b) => a.reasons.length - b.reasons.length);
  const unsure = allowed !== undefined || allows.some(({ applies }) => applies === "unknown");
  return { ...said, answer: unsure ? "cannot-tell" : "refuses", why };
}

const appliesBy = (reasons: readonly Reason[]): "yes" | "no" | "unknown" =>
  reasons.length === 0 ? "yes" : reasons.some(({ certain }) => certain) ? "no" : "unknown";

function whyNotAction({ actions, otherActions, effect }: TrustStatement, name: string): Reason | undefined {
  const listed = actions.some((one) => fitsGlob(one.toLowerCase(), name.toLowerCase()));
  if (listed !== otherActions) return undefined;
  const what = effect === "Allow" ? "allows" : "denies";
  const text = otherActions
    ? `It ${what} everything but ${shown(actions)}, and the call needs ${name}.`
    : `It ${what} ${shown(actions)}, and the call needs ${name}.`;
  return { code: "ACTION", at: otherActions ? "NotAction" : "Action", text, certain: true };
}
