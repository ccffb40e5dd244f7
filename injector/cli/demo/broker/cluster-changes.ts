import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import { GRANTS, NAMESPACES } from "../../../cluster/fact-kinds.ts";
import type { Pod } from "../../../model/pod.ts";
import { fieldsIn, metadataOf, nameOf, type Fields } from "../../../model/read.ts";
import { kindOf } from "../../../model/workload.ts";
import type { Example } from "../admission/examples.ts";
import type { News } from "../aws/standins.ts";

/** What the API server is told: changes of a cluster that is made of the examples. Pure. */

/** Where the broker finds what it decides by. */
const FACTS: Readonly<Record<string, string>> = { Namespace: NAMESPACES.path, RoleGrant: GRANTS.path };

/** Namespaces and grants as the examples have them. */
export const asGranted = (examples: readonly Example[]): readonly News[] =>
  factsIn(examples).map((put) => ({ put }));

/** The same without a rule that allows a role. */
export const withdrawn = (examples: readonly Example[]): readonly News[] =>
  factsIn(examples).map(({ path, object }) =>
    path === GRANTS.path
      ? { remove: { path, name: nameOf(object) } }
      : { put: { path, object: allowingNothing(object) } },
  );

const factsIn = (examples: readonly Example[]) =>
  examples.flatMap(({ object }) => {
    const path = FACTS[kindOf(object)];
    return path === undefined ? [] : [{ path, object }];
  });

function allowingNothing(namespace: Fields): Fields {
  const metadata = metadataOf(namespace);
  const annotations = { ...fieldsIn(metadata, "annotations"), [ANNOTATION.namespaceAllowedRoles]: "[]" };
  return { ...namespace, metadata: { ...metadata, annotations } };
}

/** A pod that was created. */
export const created = (pod: Pod): News => ({
  put: { path: `${NAMESPACES.path}/${pod.metadata?.namespace ?? "default"}/pods`, object: { ...pod } },
});
