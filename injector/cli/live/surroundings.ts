import { CodedError } from "../../../sidecar/kit/errors.ts";
import { type Facts } from "../../model/facts.ts";
import { manifestCluster } from "../../cluster/manifest-cluster.ts";
import type { Grant } from "../../model/grant.ts";
import { grantIndex, readGrant, type GrantReading } from "../../cluster/grant-index.ts";
import { limitRangesByNamespace, readLimitRange, type LimitRange } from "../../model/limit-range.ts";
import { nameOf, type Fields } from "../../model/read.ts";
import { isName } from "./reference.ts";
import { readAll, type Read } from "./reader.ts";

const CORE = "/api/v1/namespaces";
const GRANTS = "/apis/podrole.dev/v1alpha1/rolegrants";

/** The facts that decide about a namespace's pods, for one service account after the other. */
export async function surroundingsOf(
  namespace: string,
  read: Read,
): Promise<(serviceAccount: string) => Promise<Facts>> {
  const [found, readings, limitRanges] = await Promise.all([
    read(`${CORE}/${namespace}`),
    allGrants(read),
    limitRangesOf(namespace, read),
  ]);
  if (found === undefined) {
    throw new CodedError("NAMESPACE_NOT_FOUND", `There is no namespace ${namespace}.`, {
      remedy: "Choose another -n or --context.",
    });
  }
  return (name) => factsOf(found, { readings, limitRanges }, name, read);
}

/**
 * The facts that decide about the pods of a namespace; the service account is read here, the rest is given.
 * @throws CodedError `FACTS_UNAVAILABLE` where a grant that cannot be read may be about this namespace, as in the webhook
 */
export async function factsOf(
  object: Fields,
  { readings, limitRanges }: Surrounding,
  serviceAccount: string,
  read: Read,
): Promise<Facts> {
  const namespace = nameOf(object);
  const path = `${CORE}/${namespace}/serviceaccounts/${serviceAccount}`;
  const account = isName(serviceAccount) ? await read(path) : undefined;
  const objects = [
    { ...object, apiVersion: "v1", kind: "Namespace" },
    ...(account === undefined ? [] : [{ ...account, apiVersion: "v1", kind: "ServiceAccount" }]),
  ];
  const nothingAssumed = { labels: {}, annotations: {} };
  const facts = await manifestCluster(objects, nothingAssumed).facts(namespace, serviceAccount);
  grantIndex(readings).covering(facts.namespace);
  return { ...facts, grants: readable(readings), limitRanges };
}

/** What is read once for a namespace. */
interface Surrounding {
  readonly readings: readonly GrantReading[];
  readonly limitRanges: readonly LimitRange[];
}

export const limitRangesOf = async (namespace: string, read: Read): Promise<readonly LimitRange[]> =>
  limitRangesByNamespace((await limitRangeObjects(namespace, read)).map(readLimitRange))(namespace);

export const limitRangeObjects = async (namespace: string, read: Read): Promise<readonly Fields[]> =>
  (await readAll(read, `${CORE}/${namespace}/limitranges`)) ?? [];

/** All grants, those for other namespaces too: one may have been meant for this one. Sorted by name, as in the webhook. */
export const readable = (readings: readonly GrantReading[]): readonly Grant[] =>
  readings
    .flatMap((reading) => (reading.kind === "grant" ? [reading.grant] : []))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

/** None where the CRD is not installed. */
export const allGrants = async (read: Read): Promise<readonly GrantReading[]> =>
  ((await readAll(read, GRANTS)) ?? []).map(readGrant);
