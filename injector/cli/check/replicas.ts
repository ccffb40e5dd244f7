import { fieldsIn, own, recordsIn, type Fields } from "../../model/read.ts";
import type { Reading } from "./facts.ts";
import { fail, judged, ok, skip, warn, type CheckCode, type CheckResult, type Results } from "./result.ts";

/** A program of podrole's that answers for others, and what is amiss while it does not. */
export interface Served {
  /** `namespace/name` of its Deployment and of its Service. */
  readonly name: string;
  /** A clause: what cannot happen without a replica. */
  readonly without: string;
  /** Where to look. */
  readonly see: string;
}

export const count = (object: Fields, key: string): number => {
  const value = own(object, key);
  return typeof value === "number" ? value : 0;
};

/** Whether all replicas of a Deployment are ready and there are at least two. */
export function judgeReplicas(
  code: CheckCode,
  { name, without, see }: Served,
  deployment: Fields,
): CheckResult {
  const wanted = own(fieldsIn(deployment, "spec"), "replicas");
  const replicas = typeof wanted === "number" ? wanted : 1;
  const status = fieldsIn(deployment, "status");
  const [ready, updated] = [count(status, "readyReplicas"), count(status, "updatedReplicas")];
  if (ready === 0) {
    return fail(code, `Deployment ${name} has 0 of ${replicas} replicas ready: ${without}.`, see);
  }
  if (ready < replicas || updated < replicas) {
    const message = `Deployment ${name} has ${ready} of ${replicas} replicas ready, ${updated} of them of its newest revision.`;
    return warn(code, message, see);
  }
  if (replicas < 2) {
    const message = `Deployment ${name} has one replica: while it restarts, ${without}.`;
    return warn(code, message, "Run two replicas.");
  }
  return ok(code, `Deployment ${name} has ${ready} of ${replicas} replicas ready.`);
}

/** Whether a Service has ready endpoints. */
export const judgeEndpoints = (
  code: CheckCode,
  name: string,
  endpointSlices: Reading<readonly Fields[]>,
): Results =>
  judged(code, endpointSlices, skip(code, "there are no EndpointSlices"), (slices) => {
    const ready = slices
      .flatMap((slice) => recordsIn(slice, "endpoints"))
      .filter((one) => own(fieldsIn(one, "conditions"), "ready") !== false);
    if (ready.length > 0) {
      const endpoints = `${ready.length} ready endpoint${ready.length === 1 ? "" : "s"}`;
      return ok(code, `Service ${name} leads to ${endpoints}.`);
    }
    const [namespace = ""] = name.split("/");
    return fail(
      code,
      `Service ${name} has no ready endpoint.`,
      `See whether its selector is the pods' label: kubectl -n ${namespace} get endpointslices,pods --show-labels.`,
    );
  });
