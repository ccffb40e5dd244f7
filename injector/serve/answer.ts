import { CodedError, errorName } from "../../sidecar/kit/errors.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import type { InjectorConfig } from "../config/installation.ts";
import type { Cluster } from "../model/facts.ts";
import { finding } from "../model/findings.ts";
import { framesOf } from "../model/log.ts";
import {
  allow,
  deny,
  reviewBeginning,
  type AdmissionReview,
  type Review,
} from "../review/admission-review.ts";
import { ALLOWED, denied, type AdmissionResult, type AnsweredReview } from "../review/admission-result.ts";
import { concerns, type Fresh, resultForReview, serviceAccountOfReview } from "../review/review.ts";
import { WORKLOADS } from "../review/workload-admission.ts";
import type { TooHeavy } from "./bodies.ts";
import { auditAnnotations, logDecision, uidOf } from "./decision-log.ts";

export interface AnswerDeps {
  /** The settings in force. An error becomes a denial. */
  readonly config: () => InjectorConfig;
  readonly cluster: Cluster;
  readonly log: Log;
  readonly fresh: Fresh;
  /** Called with every decision after its answer was sent. An error is logged. */
  readonly observe?: (answered: AnsweredReview) => void;
}

/** Decides about every well-formed review. A failure becomes a denial, never an HTTP error. */
export async function answer(review: Review, deps: AnswerDeps): Promise<AdmissionReview> {
  if (!concerns(review)) return allow(review.uid, [], []);
  const startedAt = performance.now();
  const result = await resultOf(review, deps);
  return answered(review, result, performance.now() - startedAt, deps);
}

/**
 * Denies what was not read. A workload is allowed with a warning: whether its pods are made is decided when they are.
 * @throws CodedError `REVIEW_TOO_HEAVY` where it does not begin as a review: nobody is there to answer
 */
export function answerTooHeavy({ beginning, why }: TooHeavy, deps: AnswerDeps): AdmissionReview {
  const review = reviewBeginning(beginning);
  const message = `This review ${why}.`;
  const remedy =
    "Make the object smaller, for example with fewer containers, variables or annotations, or ask a cluster admin to raise the injector's memory limit.";
  if (review === undefined) throw new CodedError("REVIEW_TOO_HEAVY", message, { remedy });
  const found = finding("REVIEW_TOO_HEAVY", message, remedy);
  const result = WORKLOADS.has(review.resource)
    ? { ...ALLOWED, findings: [{ ...found, severity: "warn" } as const] }
    : denied([found]);
  return answered(review, result, 0, deps);
}

function answered(review: Review, result: AdmissionResult, ms: number, deps: AnswerDeps): AdmissionReview {
  setImmediate(() => notifyObservers({ review, result, ms }, deps));
  const audit = auditAnnotations(result);
  return result.decision === "deny"
    ? deny(review.uid, result.findings, audit)
    : allow(review.uid, result.operations, result.findings, audit);
}

async function resultOf(
  review: Review,
  { config, cluster, fresh, log }: AnswerDeps,
): Promise<AdmissionResult> {
  try {
    const settings = config();
    const facts = await cluster.facts(review.namespace, serviceAccountOfReview(review));
    return resultForReview(review, facts, settings, fresh);
  } catch (error) {
    // About the facts: the API server cannot be reached, or a grant cannot be read.
    if (error instanceof CodedError) {
      if (error.cause !== undefined)
        log.warn({ code: error.code, message: error.message }, "facts unavailable");
      return denied([finding("FACTS_UNAVAILABLE", error.message, error.remedy ?? "Try again.")]);
    }
    // Without the error's message, which may quote the object.
    log.error({ uid: uidOf(review), error: errorName(error), at: framesOf(error) }, "decision failed");
    const remedy = "Ask a cluster admin to look for the uid of this request in the injector's log.";
    return denied([finding("INTERNAL", "podrole failed to decide about this object.", remedy)]);
  }
}

function notifyObservers(one: AnsweredReview, { log, observe }: AnswerDeps): void {
  try {
    logDecision(one, log);
    observe?.(one);
  } catch (error) {
    log.error({ err: error }, "an observer failed");
  }
}
