import type { Review } from "./admission-review.ts";
import { admitPod } from "./admit-pod.ts";
import type { Facts } from "../model/facts.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { isWorkload, resultForWorkload, serviceAccountOfTemplate } from "./workload-admission.ts";
import type { Fresh } from "../mutate/fresh.ts";
import { guardInStatus } from "../mutate/pod-annotations.ts";
import { patchBetween } from "../mutate/patch.ts";
import { serviceAccountIn } from "../model/pod.ts";
import { isRecord, own } from "../model/read.ts";
import { withCopyFlags } from "./kubectl-debug.ts";
import { isPodUpdate, resultForPodUpdate } from "./pod-update.ts";
import { denied, rolesOf, type AdmissionResult } from "./admission-result.ts";

const isPodCreation = ({ operation, resource }: Review): boolean =>
  operation === "CREATE" && resource === "/pods";

/** The server passes it on. */
export type { Fresh };

/** Whether podrole decides about a review. All others are allowed without facts of the cluster. */
export const concerns = (review: Review): boolean =>
  isPodCreation(review) || isPodUpdate(review) || isWorkload(review);

/** The service account whose facts the result rests on. */
export const serviceAccountOfReview = (review: Review): string =>
  isWorkload(review) ? serviceAccountOfTemplate(review) : serviceAccountIn(review.object);

/** Decides about one review. Pure, given what is made anew. */
export function resultForReview(
  review: Review,
  facts: Facts,
  config: InjectorConfig,
  fresh: Fresh,
): AdmissionResult {
  if (isWorkload(review)) return resultForWorkload(review, facts, config);
  if (isPodUpdate(review)) return resultForPodUpdate(review, facts, config);
  return resultForPod(review, facts, config, fresh);
}

function resultForPod(review: Review, facts: Facts, config: InjectorConfig, fresh: Fresh): AdmissionResult {
  const outcome = admitPod(review.object, facts, config, fresh, review.username);
  const { findings } = outcome;
  switch (outcome.kind) {
    case "skip":
      return { decision: "skip", reason: outcome.reason, operations: [], findings };
    case "deny":
      return denied(withCopyFlags(review.object, facts, findings));
    case "inject": {
      const { sidecar, before, after } = outcome;
      const role = sidecar && rolesOf(sidecar);
      const guard = guardInStatus(outcome.guard);
      return { decision: "inject", operations: patchBetween(before, after), findings, guard, ...role };
    }
  }
}

/** The name of a review's object, or the prefix that its controller gave it. */
export function nameInReview({ object }: Review): string {
  const metadata = isRecord(object) ? own(object, "metadata") : undefined;
  if (!isRecord(metadata)) return "(unnamed)";
  const [name, prefix] = [own(metadata, "name"), own(metadata, "generateName")];
  if (typeof name === "string" && name !== "") return name.slice(0, 253);
  return typeof prefix === "string" && prefix !== "" ? `${prefix.slice(0, 252)}*` : "(unnamed)";
}
