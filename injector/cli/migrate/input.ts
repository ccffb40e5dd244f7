import { KINDS_WITH_PODS, kindOf, namespaceIn } from "../../model/workload.ts";
import { metadataOf, nameOf, own, recordsIn, type Fields } from "../../model/read.ts";
import type { Forbidden } from "../live/forbidden.ts";

/** The objects that are looked at, each with its namespace. */
export interface Input {
  readonly objects: readonly Fields[];
  /** What the API server does not let the user read. */
  readonly hidden: readonly Forbidden[];
}

/** What another object of these has made is left out: its maker stands for it, as the next pods will be. */
export function withoutMade(objects: readonly Fields[]): readonly Fields[] {
  const present = new Set(objects.map(keyOf));
  return objects.filter((object) => {
    const owner = recordsIn(metadataOf(object), "ownerReferences").find(
      (one) => own(one, "controller") === true,
    );
    if (
      owner === undefined ||
      !KINDS_WITH_PODS.includes(`${String(own(owner, "apiVersion"))}/${kindOf(owner)}`)
    )
      return true;
    const makers = [`${kindOf(owner)} ${namespaceIn(object) ?? ""}/${String(own(owner, "name"))}`];
    // A listing of Deployments and pods alone has no ReplicaSets.
    if (kindOf(owner) === "ReplicaSet")
      makers.push(
        `Deployment ${namespaceIn(object) ?? ""}/${String(own(owner, "name")).replace(/-[a-z0-9]+$/, "")}`,
      );
    return !makers.some((one) => present.has(one));
  });
}

const keyOf = (object: Fields): string => `${kindOf(object)} ${namespaceIn(object) ?? ""}/${nameOf(object)}`;
