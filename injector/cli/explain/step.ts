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
  /** What could have answered, in the order in which it was asked. */
  readonly considered?: readonly Candidate[];
}

/** One thing that could have answered a question. */
export interface Candidate {
  readonly name: string;
  /** What stands there, as it is written; absent where nothing does. */
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
  /** What a service account is missing from that is not there. */
  readonly where: "input" | "cluster";
}

export const yesNo = (answer: boolean): string => (answer ? "yes" : "no");

/** A value as it stands, quoted. An annotation may be 256 KB, and the rest of it tells nobody anything. */
export function shown(value: string | null | undefined): string {
  if (value == null) return "not set";
  return JSON.stringify(value.length > 120 ? `${value.slice(0, 120)}…` : value);
}

/** What stands in one thing that could have answered, likewise cut. */
export const holding = (text: string | null | undefined): Pick<Candidate, "holds"> =>
  text == null ? {} : { holds: text.length > 400 ? `${text.slice(0, 400)}…` : text };
