import type { Review } from "./admission-review.ts";
import { type Facts, isLabelled } from "../model/facts.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { type AdmissionResult, ALLOWED, denied } from "./admission-result.ts";
import { podProblem } from "../model/pod-shape.ts";
import { finding, type Finding } from "../model/findings.ts";
import type { Pod } from "../model/pod.ts";
import { isPodroleContainer } from "../model/user-containers.ts";
import { resultForEphemeral } from "./ephemeral.ts";
import { belowFloor } from "./resize.ts";
import { frozenChanges } from "./frozen.ts";

/** Updates of running pods: which changes are allowed. */

const SUBJECTS: ReadonlySet<string> = new Set(["/pods", "/pods/ephemeralcontainers", "/pods/resize"]);

export const isPodUpdate = ({ operation, resource }: Review): boolean =>
  operation === "UPDATE" && SUBJECTS.has(resource);

/** Pure. Changes outside podrole's concern, such as a finalizer or a label, always pass. */
export function resultForPodUpdate(review: Review, facts: Facts, config: InjectorConfig): AdmissionResult {
  if (!isLabelled(facts)) return { ...ALLOWED, decision: "skip", reason: "namespace-not-labelled" };
  const problem = podProblem(review.object) ?? podProblem(review.oldObject);
  if (problem !== undefined) {
    return denied([finding("OBJECT_MALFORMED", `Not a pod: ${problem}.`, "Correct the manifest.")]);
  }
  const [before, after] = [review.oldObject as Pod, review.object as Pod];
  // A pod from before the namespace was labelled: it contains nothing of podrole to protect.
  if (!(before.spec.initContainers ?? []).some(isPodroleContainer)) return ALLOWED;
  switch (review.resource) {
    case "/pods/ephemeralcontainers":
      return resultForEphemeral(before, after, facts, config);
    case "/pods/resize":
      return unlessAny(belowFloor(before, after));
    default:
      return unlessAny(frozenChanges(before, after, config.keys));
  }
}

const unlessAny = (findings: readonly Finding[]): AdmissionResult =>
  findings.length > 0 ? denied(findings) : ALLOWED;
