import { coded } from "../../../sidecar/kit/errors.ts";
import type { Facts } from "../../model/facts.ts";
import { limitRangesByNamespace, readLimitRange } from "../../model/limit-range.ts";
import { serviceAccountIn } from "../../model/pod.ts";
import { metadataOf, nameOf, own, recordsIn, type Fields } from "../../model/read.ts";
import { KINDS_WITH_PODS, namespaceIn, nameOfObject, templateOf } from "../../model/workload.ts";
import { LISTS } from "./reference.ts";
import { readAll, type Read } from "./reader.ts";
import { allGrants, factsOf } from "./surroundings.ts";

export interface EveryObject {
  readonly objects: readonly { readonly object: Fields; readonly facts: Facts }[];
  /** Of objects about which the webhook could not decide; sentences. */
  readonly problems: readonly string[];
}

/**
 * Every pod and workload of the cluster, with the facts that decide about it. What another of them has made is left out: its maker stands
 * for it, as the next pods will be.
 * @throws CodedError `API_REFUSED` where one of the lists may not be read: the rest would look like all
 */
export async function everyObject(read: Read): Promise<EveryObject> {
  const listed = async (path: string): Promise<readonly Fields[]> => (await readAll(read, path)) ?? [];
  const [namespaces, accounts, limits, readings, ...lists] = await Promise.all([
    listed("/api/v1/namespaces"),
    listed("/api/v1/serviceaccounts"),
    listed("/api/v1/limitranges"),
    allGrants(read),
    ...LISTS.map(async ({ path, apiVersion, kind }) =>
      (await listed(path)).map((object): Fields => ({ ...object, apiVersion, kind })),
    ),
  ]);
  const byName = new Map(namespaces.map((one) => [nameOf(one), one]));
  const byPath = new Map(accounts.map((one) => [accountPath(namespaceIn(one) ?? "", nameOf(one)), one]));
  const readAccount: Read = (path) => Promise.resolve(byPath.get(path));
  const limitsOf = limitRangesByNamespace(limits.map(readLimitRange));
  const objects: EveryObject["objects"][number][] = [];
  const problems: string[] = [];
  for (const object of lists.flat().filter((one) => !isMade(one))) {
    const name = namespaceIn(object) ?? "";
    const namespace = byName.get(name);
    const template = templateOf(object);
    // A namespace that was made after the list of namespaces was read is for the next run.
    if (namespace === undefined || template === undefined) continue;
    try {
      const around = { readings, limitRanges: limitsOf(name) };
      const facts = await factsOf(namespace, around, serviceAccountIn(template.pod), readAccount);
      objects.push({ object, facts });
    } catch (error) {
      problems.push(`${nameOfObject(object, name)}: ${coded(error).message}`);
    }
  }
  return { objects, problems };
}

const accountPath = (namespace: string, name: string): string =>
  `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`;

/** Whether another object of these kinds has made it. */
const isMade = (object: Fields): boolean =>
  recordsIn(metadataOf(object), "ownerReferences").some(
    (owner) =>
      own(owner, "controller") === true &&
      KINDS_WITH_PODS.includes(`${String(own(owner, "apiVersion"))}/${String(own(owner, "kind"))}`),
  );
