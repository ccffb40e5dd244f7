import { isDeepStrictEqual } from "node:util";
import { METADATA_POLICY, metadataPolicy } from "../../sidecar/contract/metadata-policy.ts";
import { fieldsIn, metadataOf, nameOf, own, stringMap, type Fields } from "../model/read.ts";

/** What is kept of a labelled namespace. */
export interface LabelledNamespace {
  readonly name: string;
  readonly isGoing: boolean;
}

/** What is kept of a NetworkPolicy with the name that podrole's have. */
export interface HeldPolicy {
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Whether this controller made it. Others' are never changed. */
  readonly isOwn: boolean;
  readonly isGoing: boolean;
  /** Its spec as JSON; undefined if it is much longer than one of podrole's. */
  readonly spec: string | undefined;
}

export type Step =
  | { readonly do: "create"; readonly namespace: string }
  | { readonly do: "repair"; readonly namespace: string; readonly resourceVersion: string }
  | {
      readonly do: "remove";
      readonly namespace: string;
      readonly uid: string;
      readonly resourceVersion: string;
    };

export interface Plan {
  /** In no certain order; each is of another namespace. */
  readonly steps: readonly Step[];
  /** Namespaces whose policy is right already. */
  readonly kept: readonly string[];
  /** Namespaces in which another owner's policy of this name is not as it should be. */
  readonly foreign: readonly string[];
}

export interface Situation {
  readonly namespaces: Iterable<LabelledNamespace>;
  readonly policies: Iterable<HeldPolicy>;
  /** Labelled namespaces that get none. */
  readonly excluded: ReadonlySet<string>;
  /** Addresses to block, in their normal form. */
  readonly addresses: readonly string[];
}

const MANAGED_BY = "app.kubernetes.io/managed-by";
/** By these labels the controller, and the policy that holds it to its work, know what is its own. */
export const OWN_LABELS = {
  "app.kubernetes.io/name": METADATA_POLICY,
  "app.kubernetes.io/part-of": "podrole",
  [MANAGED_BY]: "podrole-controller",
} as const;

/** A namespace's tenants may write one of the same name: it must not fill the controller's memory. */
const SPEC_MAX = 4096;

export const namespaceOf = (object: Fields): LabelledNamespace => ({
  name: nameOf(object),
  isGoing: own(metadataOf(object), "deletionTimestamp") !== undefined,
});

export function policyOf(object: Fields): HeldPolicy {
  const metadata = metadataOf(object);
  const spec = JSON.stringify(fieldsIn(object, "spec"));
  return {
    namespace: String(own(metadata, "namespace")),
    uid: String(own(metadata, "uid")),
    resourceVersion: String(own(metadata, "resourceVersion")),
    isOwn: stringMap(own(metadata, "labels"))[MANAGED_BY] === OWN_LABELS[MANAGED_BY],
    isGoing: own(metadata, "deletionTimestamp") !== undefined,
    spec: spec.length > SPEC_MAX ? undefined : spec,
  };
}

/** What is to be done so that each labelled namespace has the policy, and no other has one of the controller's. */
export function planOf({ namespaces, policies, excluded, addresses }: Situation): Plan {
  const isRight = comparer(metadataPolicy(addresses).spec);
  const held = new Map([...policies].map((policy) => [policy.namespace, policy]));
  const wanted = [...namespaces].filter(({ name }) => !excluded.has(name));
  const [steps, kept, foreign]: [Step[], string[], string[]] = [[], [], []];
  for (const { name: namespace, isGoing } of wanted) {
    const policy = held.get(namespace);
    held.delete(namespace);
    // Kubernetes refuses new objects in a namespace that is being deleted. A policy that is being deleted is made again when it is gone.
    if (isGoing || policy?.isGoing === true) continue;
    if (policy === undefined) steps.push({ do: "create", namespace });
    else if (isRight(policy.spec)) kept.push(namespace);
    else if (policy.isOwn) steps.push({ do: "repair", namespace, resourceVersion: policy.resourceVersion });
    else foreign.push(namespace);
  }
  for (const { isOwn, isGoing, ...policy } of held.values()) {
    if (!isOwn || isGoing) continue;
    const { namespace, uid, resourceVersion } = policy;
    steps.push({ do: "remove", namespace, uid, resourceVersion });
  }
  return { steps, kept, foreign };
}

/** Compares specs by value. There are thousands of them with a handful of texts, and each text is parsed once. */
function comparer(wanted: object): (spec: string | undefined) => boolean {
  const known = new Map<string, boolean>();
  return (spec) => {
    if (spec === undefined) return false;
    const before = known.get(spec);
    if (before !== undefined) return before;
    const isEqual = isDeepStrictEqual(JSON.parse(spec), wanted);
    known.set(spec, isEqual);
    return isEqual;
  };
}
