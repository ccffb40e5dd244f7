import { isDeepStrictEqual } from "node:util";
import { KINDS_WITH_PODS, kindOf, namespaceIn, templateOf } from "../../model/workload.ts";
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

/** An object that files hold several times. */
export interface Repeated {
  readonly objects: readonly Fields[];
  /** Objects of which there are several with different contents: `Deployment shop/web`. */
  readonly differing: readonly string[];
}

/** Each object once: of several the last, as `kubectl apply` takes one file after the other. */
export function lastOfEach(objects: readonly Fields[], fallback: string): Repeated {
  const placed = (one: Fields): string => (templateOf(one) === undefined ? "" : fallback);
  const titleOf = (one: Fields): string => {
    const namespace = namespaceIn(one) ?? placed(one);
    return `${kindOf(one)} ${namespace === "" ? "" : `${namespace}/`}${nameOf(one)}`;
  };
  // What has only a generateName is another object each time.
  const groups = Map.groupBy(objects, (one): unknown =>
    own(metadataOf(one), "name") === undefined ? one : `${String(own(one, "apiVersion"))} ${titleOf(one)}`,
  );
  const all = [...groups.values()];
  return {
    objects: all.flatMap((of) => of.slice(-1)),
    differing: all.flatMap((of) =>
      of.every((one) => isDeepStrictEqual(one, of[0])) ? [] : of.slice(-1).map(titleOf),
    ),
  };
}

const keyOf = (object: Fields): string => `${kindOf(object)} ${namespaceIn(object) ?? ""}/${nameOf(object)}`;
