import { isDeepStrictEqual } from "node:util";
import type { Review } from "./admission-review.ts";
import { admitPod } from "./admit-pod.ts";
import { missingAccount } from "../decide/missing-account.ts";
import { straysAbove } from "../decide/strays-above.ts";
import { isLabelled, type Facts } from "../model/facts.ts";
import type { InjectorConfig } from "../config/installation.ts";
import type { Finding } from "../model/findings.ts";
import { serviceAccountIn } from "../model/pod.ts";
import { isRecord, own } from "../model/read.ts";
import { rolesOf, type AdmissionResult } from "./admission-result.ts";
import { kindOf, templateOf } from "../model/workload.ts";
import { placeholders } from "../mutate/fresh.ts";

/** The kinds that are checked when they are applied, before a controller makes their first pod. */
export const WORKLOADS: ReadonlySet<string> = new Set([
  "/replicationcontrollers",
  "apps/deployments",
  "apps/statefulsets",
  "apps/daemonsets",
  "apps/replicasets",
  "batch/jobs",
  "batch/cronjobs",
]);

export const isWorkload = ({ operation, resource }: Review): boolean =>
  WORKLOADS.has(resource) && (operation === "CREATE" || operation === "UPDATE");

/** The pod template of the applied object. Undefined if it is unchanged or belongs to another workload. */
function changedTemplate({ object, oldObject, operation }: Review): unknown {
  if (!isRecord(object) || isControlled(object)) return undefined;
  const pod = templateOf(object)?.pod;
  const before = isRecord(oldObject) ? templateOf(oldObject)?.pod : undefined;
  // Scaling a workload or removing its finalizer must work even if its template would be refused today.
  return operation === "UPDATE" && isDeepStrictEqual(pod, before) ? undefined : pod;
}

/** What the workload's own metadata has in vain, unless it was the same before. */
function changedStrays(
  { object, oldObject }: Review,
  isTemplateChanged: boolean,
  config: InjectorConfig,
): readonly Finding[] {
  if (!isRecord(object) || isControlled(object)) return [];
  const strays = straysAbove(object, config);
  const isOld =
    !isTemplateChanged && isRecord(oldObject) && isDeepStrictEqual(strays, straysAbove(oldObject, config));
  return isOld ? [] : strays;
}

/** A ReplicaSet of a Deployment or a Job of a CronJob: its owner was checked already. */
function isControlled(object: Readonly<Record<string, unknown>>): boolean {
  const metadata = own(object, "metadata");
  const owners = isRecord(metadata) ? own(metadata, "ownerReferences") : undefined;
  return (
    Array.isArray(owners) && owners.some((owner) => isRecord(owner) && own(owner, "controller") === true)
  );
}

export const serviceAccountOfTemplate = (review: Review): string =>
  serviceAccountIn(isRecord(review.object) ? templateOf(review.object)?.pod : undefined);

/**
 * Decides about the workload's pods when the workload is applied: later, only an Event of its controller would say why
 * they are missing. Patches nothing: a template with guard and sidecar would be out of date with podrole's next version.
 */
export function resultForWorkload(review: Review, facts: Facts, config: InjectorConfig): AdmissionResult {
  if (config.workloads === "off") return { decision: "allow", operations: [], findings: [] };
  const pod = changedTemplate(review);
  const strays = isLabelled(facts) ? changedStrays(review, pod !== undefined, config) : [];
  if (pod === undefined) return { decision: "allow", operations: [], findings: strays };
  const outcome = admitPod(pod, facts, config, placeholders);
  if (outcome.kind === "skip" && outcome.reason !== "nothing-to-do") {
    return { decision: "skip", reason: outcome.reason, operations: [], findings: outcome.findings };
  }
  const kind = isRecord(review.object) ? kindOf(review.object) : "workload";
  const findings = [
    ...strays,
    ...outcome.findings.map((found) => ofPods(found, kind, config)),
    ...missingAccount(serviceAccountOfTemplate(review), facts),
  ];
  const refused = findings.some(({ severity }) => severity === "deny");
  const sidecar = outcome.kind === "inject" ? outcome.sidecar : undefined;
  const role = sidecar && rolesOf(sidecar);
  return { decision: refused ? "deny" : "allow", operations: [], findings, ...role };
}

/** A finding that denies a pod becomes a warning about its workload, unless the setting `workloads` is `deny`. */
function ofPods(found: Finding, kind: string, { workloads }: InjectorConfig): Finding {
  if (found.severity !== "deny") return found;
  const message = `Pods of this ${kind} will be denied: ${found.message}`;
  return { ...found, message, severity: workloads === "deny" ? "deny" : "warn" };
}
