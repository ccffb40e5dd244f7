import type { Operation } from "../mutate/patch.ts";
import type { Review } from "./admission-review.ts";
import type { Finding } from "../model/findings.ts";
import type { SidecarIntent, SkipReason } from "../decide/intent.ts";

/** What the webhook answers to one review. */
export interface AdmissionResult {
  /** `inject`: a pod was patched. `allow`: looked at, and let through as it is. */
  readonly decision: "inject" | "allow" | "skip" | "deny";
  /** Why nothing was done, for `skip`. */
  readonly reason?: SkipReason;
  readonly operations: readonly Operation[];
  readonly findings: readonly Finding[];
  /** The role of the pod and the rule that allowed it. */
  readonly role?: string;
  readonly rule?: string;
}

/** Looked at, and let through as it is. */
export const ALLOWED: AdmissionResult = { decision: "allow", operations: [], findings: [] };

export const denied = (findings: readonly Finding[]): AdmissionResult => ({
  decision: "deny",
  operations: [],
  findings,
});

/** Every role of a pod and the rules that allowed them, for audit annotations and the log. */
export function rolesOf({ identities }: SidecarIntent): { readonly role: string; readonly rule: string } {
  const rules = new Set(identities.map(({ rule }) => rule));
  return { role: identities.map(({ role }) => role).join(", "), rule: [...rules].join("; ") };
}

/** One review and its result, for metrics and the log. They get it after the answer is sent. */
export interface AnsweredReview {
  readonly review: Review;
  readonly result: AdmissionResult;
  /** From the parsed request to the answer. */
  readonly ms: number;
}
