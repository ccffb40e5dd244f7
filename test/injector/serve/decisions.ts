import type { Review } from "../../../injector/review/admission-review.ts";
import { finding, type Finding } from "../../../injector/model/findings.ts";
import type { AnsweredReview, AdmissionResult } from "../../../injector/review/admission-result.ts";

export const HOST_PID: Finding = finding("HOST_NAMESPACE", "The pod uses hostPID.", "Take it off.");
export const wouldDeny = (): Finding => finding("ROLE_WOULD_BE_DENIED", "Enforce would deny.", "Grant it.");
export const guardOff = (): readonly Finding[] => [finding("GUARD_OFF", "The guard is off.", "Turn it on.")];

/** The decision about a pod of namespace `shop` that was injected in 0.8 ms, except for what the test sets. */
export const decided = (
  result: Partial<AdmissionResult> = {},
  review: Partial<Review> = {},
): AnsweredReview => ({
  review: {
    uid: "review-1",
    operation: "CREATE",
    resource: "/pods",
    namespace: "shop",
    username: "alice",
    dryRun: false,
    object: { metadata: { name: "web" } },
    oldObject: null,
    ...review,
  },
  result: { decision: "inject", operations: [], findings: [], ...result },
  ms: 0.8,
});

export const denied = (findings: readonly Finding[], review: Partial<Review> = {}): AnsweredReview =>
  decided({ decision: "deny", findings }, review);
