import { coded } from "../../../sidecar/kit/errors.ts";
import { Refusal } from "../../cluster/api-server.ts";
import { manifestCluster, type Assumptions } from "../../cluster/manifest-cluster.ts";
import { grantIndex } from "../../cluster/grant-index.ts";
import type { Facts } from "../../model/facts.ts";
import { nameOf, type Fields } from "../../model/read.ts";
import { kindOf, namespaceIn } from "../../model/workload.ts";
import { assumedWords } from "../input/files.ts";
import { forbiddenIn, type Forbidden } from "./forbidden.ts";
import type { Read } from "./reader.ts";
import { isName } from "./reference.ts";
import { allGrants, limitRangeObjects, readable } from "./surroundings.ts";

/** What could be read of what decides about a pod. */
export interface KnownFacts {
  /** Complete unless something is `hidden`; what is hidden is then taken as absent. */
  readonly facts: Facts;
  /** What the user may not read. */
  readonly hidden: readonly Forbidden[];
  /** Where each fact is from; sentences. */
  readonly sources: readonly string[];
}

/** Kinds whose objects decide about pods. */
const DECIDING: ReadonlySet<string> = new Set(["Namespace", "ServiceAccount", "RoleGrant", "LimitRange"]);

export interface Given {
  /** Manifests, which go before the cluster's objects of the same name. */
  readonly objects: readonly Fields[];
  /** For a namespace that neither has; undefined: such a namespace is an error. */
  readonly assumed: Assumptions | undefined;
}

/** The manifests among `objects` that decide about pods, as `RoleGrant tills`. */
export const decidingIn = (objects: readonly Fields[]): readonly string[] =>
  objects.filter((one) => DECIDING.has(kindOf(one))).map((one) => `${kindOf(one)} ${nameOf(one)}`);

/**
 * What decides about a namespace's pods, for one service account after the other: the manifests' objects, and the cluster's for the
 * rest.
 * @throws CodedError `GRANT_INVALID`; `API_REFUSED` for what is refused for another reason than the user's rights
 */
export async function knownFactsOf(
  namespace: string,
  { objects, assumed }: Given,
  read: Read,
): Promise<((serviceAccount: string) => Promise<KnownFacts>) | undefined> {
  const core = `/api/v1/namespaces/${namespace}`;
  const deciding = objects.filter((one) => DECIDING.has(kindOf(one)));
  const has = (kind: string, name: string): boolean =>
    deciding.some(
      (one) =>
        kindOf(one) === kind &&
        nameOf(one) === name &&
        (kind !== "ServiceAccount" || (namespaceIn(one) ?? "default") === namespace),
    );
  const isGiven = has("Namespace", namespace);
  const [found, readings, ranges] = await Promise.all([
    isGiven ? undefined : orHidden(() => read(core)),
    orHidden(() => allGrants(read)),
    orHidden(() => limitRangeObjects(namespace, read)),
  ]);
  const isMissing = !isGiven && found !== undefined && "value" in found && found.value === undefined;
  if (isMissing && assumed === undefined) return undefined;

  const cluster = (account: Fields | undefined) =>
    manifestCluster(
      [
        ...ofKind("Namespace", valueOf(found)),
        ...ofKind("ServiceAccount", account),
        ...(valueOf(ranges) ?? []).flatMap((one) => ofKind("LimitRange", one)),
        // Behind the cluster's: the last of two counts.
        ...deciding,
      ],
      assumed ?? { labels: {}, annotations: {} },
    );
  return async (name) => {
    const path = `${core}/serviceaccounts/${name}`;
    const asksForAccount = isName(name) && !has("ServiceAccount", name);
    const account = asksForAccount ? await orHidden(() => read(path)) : undefined;
    const facts = await cluster(valueOf(account)).facts(namespace, name);
    const others = (valueOf(readings) ?? []).filter(
      (one) => !has("RoleGrant", one.kind === "grant" ? one.grant.name : (one.scope?.name ?? "")),
    );
    // One that cannot be read may be about this namespace: then the webhook does not decide, either.
    grantIndex(others).covering(facts.namespace);
    const grants = [...facts.grants, ...readable(others)].sort((a, b) => (a.name < b.name ? -1 : 1));
    return {
      facts: { ...facts, grants },
      hidden: [found, account, readings, ranges].flatMap((one) =>
        one !== undefined && "hidden" in one ? [one.hidden] : [],
      ),
      sources: [
        ...(isMissing && assumed !== undefined
          ? [
              `Namespace ${namespace} is neither in the manifests nor in the cluster; it is assumed to have ${assumedWords(assumed)}.`,
            ]
          : []),
        sourcesOf(readable(others).length, decidingIn(deciding)),
      ],
    };
  };
}

export type OrHidden<T> = { readonly value: T } | { readonly hidden: Forbidden };

export const valueOf = <T>(one: OrHidden<T> | undefined): T | undefined =>
  one !== undefined && "value" in one ? one.value : undefined;

/** Only what the API server says of the user's rights: a proxy's 403 says nothing about them. */
export async function orHidden<T>(work: () => Promise<T>): Promise<OrHidden<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    const { cause } = coded(error);
    const hidden = cause instanceof Refusal && cause.status === 403 ? forbiddenIn(cause.said) : undefined;
    if (hidden === undefined) throw error;
    return { hidden };
  }
}

/** Lists leave out what their items are. */
const ofKind = (kind: string, object: Fields | undefined): readonly Fields[] =>
  object === undefined ? [] : [{ ...object, apiVersion: "v1", kind }];

function sourcesOf(read: number, manifests: readonly string[]): string {
  const count = read === 1 ? "1 RoleGrant" : `${read} RoleGrants`;
  const others = manifests.length === 0 ? "" : `; of the manifests ${manifests.slice(0, 5).join(", ")}`;
  const more = manifests.length > 5 ? ` and ${manifests.length - 5} more` : "";
  return `The facts are the cluster's: namespace, service account, LimitRanges and ${count}${others}${more}.`;
}
