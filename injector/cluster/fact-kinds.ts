import type { NamespaceFacts } from "../model/facts.ts";
import { readLimitRange, type LimitRange } from "../model/limit-range.ts";
import { isLikeOurs } from "../model/odd-keys.ts";
import { fieldsIn, metadataOf, own, stringMap, type Fields } from "../model/read.ts";
import { readGrant, type GrantReading } from "./grant-index.ts";
import type { Kind } from "./informer.ts";

/** The kinds of objects that facts are made of, and what is kept of each object. */

export type Annotations = Readonly<Record<string, string>>;

/** Shared by all accounts that have none of these. */
const NO_ANNOTATIONS: Annotations = Object.freeze({});
/** Holds the whole manifest again, so it is the one annotation that is large on many objects. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

export const NAMESPACES: Kind<NamespaceFacts> = {
  resource: "namespaces",
  path: "/api/v1/namespaces",
  // All labels: a grant may select by any of them. All annotations but one: the settings say which of them hold a rule, and
  // a rule that was dropped by mistake would no longer bind the namespace.
  cut: (object) => {
    const { [LAST_APPLIED]: _, ...annotations } = mapIn(object, "annotations");
    const name = own(metadataOf(object), "name");
    return {
      name: typeof name === "string" ? name : "",
      labels: stringMap(mapIn(object, "labels")),
      annotations: stringMap(annotations),
    };
  },
};

/** A service account with more was not mistyped. */
const STRAYS_MAX = 20;

/**
 * Keeps only the annotations of a service account that may name its role, the audience of its tokens, and the keys, without
 * values, of those that look as if they were meant to.
 */
export const serviceAccounts = (
  accountKeys: ReadonlySet<string>,
  onListed: () => void,
): Kind<Annotations> => ({
  resource: "serviceaccounts",
  path: "/api/v1/serviceaccounts",
  cut: (object) => {
    const annotations = mapIn(object, "annotations");
    const kept = [...accountKeys].flatMap((key): [string, string][] => {
      const value = own(annotations, key);
      return typeof value === "string" ? [[key, value]] : [];
    });
    const strays = Object.keys(annotations).filter((key) => isLikeOurs(key) && !accountKeys.has(key));
    kept.push(...strays.slice(0, STRAYS_MAX).map((key): [string, string] => [key, ""]));
    return kept.length > 0 ? Object.fromEntries(kept) : NO_ANNOTATIONS;
  },
  onListed,
});

export const GRANTS: Kind<GrantReading> = {
  resource: "rolegrants",
  path: "/apis/podrole.dev/v1alpha1/rolegrants",
  cut: readGrant,
  optional: true,
};

export const LIMIT_RANGES: Kind<LimitRange> = {
  resource: "limitranges",
  path: "/api/v1/limitranges",
  cut: readLimitRange,
};

const mapIn = (object: Fields, key: "labels" | "annotations"): Fields => fieldsIn(metadataOf(object), key);
