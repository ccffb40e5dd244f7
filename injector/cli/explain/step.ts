import type { Facts } from "../../model/facts.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import type { Pod } from "../../model/pod.ts";

/** One question of a decision, in words. */
export interface Step {
  /** The same whatever the wording. */
  readonly id: string;
  readonly question: string;
  readonly answer: string;
  readonly because: string;
  /** Every source that the answer could have come from, in the order of the decision. */
  readonly considered?: readonly Candidate[];
}

/** One source that a question's answer could have come from. */
export interface Candidate {
  readonly name: string;
  /** Its content as written; absent where it is not set. */
  readonly holds?: string;
  readonly result: string;
  /** Whether this one gave the answer. */
  readonly decided: boolean;
}

/** The pod and what it is decided by. */
export interface Around {
  readonly pod: Pod;
  readonly facts: Facts;
  readonly config: InjectorConfig;
  /** Where a missing service account is missing from. */
  readonly where: "input" | "cluster";
}

export const yesNo = (answer: boolean): string => (answer ? "yes" : "no");

/** A value, quoted and cut: an annotation may be 256 KB. */
export function shown(value: string | null | undefined): string {
  if (value == null) return "not set";
  return JSON.stringify(value.length > 120 ? `${value.slice(0, 120)}…` : value);
}

/** The content of a candidate, cut likewise. */
export const holding = (text: string | null | undefined): Pick<Candidate, "holds"> =>
  text == null ? {} : { holds: text.length > 400 ? `${text.slice(0, 400)}…` : text };
