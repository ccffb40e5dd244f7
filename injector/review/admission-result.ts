import type { GuardMode } from "../../sidecar/contract/env.ts";
import type { Operation } from "../mutate/patch.ts";
import type { Review } from "./admission-review.ts";
import type { Finding } from "../model/findings.ts";
import type { SidecarIntent, SkipReason } from "../decide/intent.ts";

/** What the webhook answers to one review. */
export interface AdmissionResult {
  /** `inject`: the pod was patched. `allow`: checked and admitted unchanged. */
  readonly decision: "inject" | "allow" | "skip" | "deny";
  /** Why nothing was done, for `skip`. */
  readonly reason?: SkipReason;
  readonly operations: readonly Operation[];
  readonly findings: readonly Finding[];
  /** How a new pod is guarded that is injected. */
  readonly guard?: GuardMode | "off";
  /** The role of the pod and the rule that allowed it. */
  readonly role?: string;
  readonly rule?: string;
}

/** Checked and admitted unchanged. */
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

/** One review with its result, for metrics and the log, which receive it after the answer was sent. */
export interface AnsweredReview {
  readonly review: Review;
  readonly result: AdmissionResult;
  /** From the parsed request to the answer. */
  readonly ms: number;
}
