import { ANNOTATION, NAMESPACE_LABEL } from "../../../sidecar/contract/annotations.ts";
import { manifestCluster } from "../../cluster/manifest-cluster.ts";
import type { Facts } from "../../model/facts.ts";
import { serviceAccountIn } from "../../model/pod.ts";
import { metadataOf, own, type Fields } from "../../model/read.ts";
import { kindOf, namespaceIn, templateOf } from "../../model/workload.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { isName } from "../live/reference.ts";
import { nameProblem, type Subject } from "../trust/subject.ts";
import { withoutMade } from "./input.ts";
import { BY_IRSA } from "./from/irsa.ts";
import { annotationsOf, type Now, type Origin, type Place } from "./from/origin.ts";
import { note, type Note } from "./note.ts";
import { annotation } from "../../model/annotations.ts";
import type { BaseRoleArn } from "../../model/arn.ts";

/** An object that holds pods, and the role that its pods have now. */
export interface Workload {
  readonly object: Fields;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: Fields;
  /** As the namespace is now. */
  readonly facts: Facts;
  readonly now: Now;
  /** What the role's trust policy says to IRSA's call, where it is IRSA that would give the role. */
  readonly irsa?: IrsaAnswer;
  readonly notes: readonly Note[];
}

/** Why that is not known is a clause. */
export type IrsaAnswer =
  | { readonly kind: "lets-in" | "refuses" }
  | { readonly kind: "unknown"; readonly why: string };

/**
 * Every pod and workload that nothing else makes, in the order of their names.
 * @param fallback namespace of objects that name none
 * @param only the one namespace that is looked at; undefined: all
 * @throws CodedError `NAME_INVALID` for a name that no object of a cluster has: it would stand in commands
 */
export async function workloadsIn(
  objects: readonly Fields[],
  origin: Origin,
  {
    fallback,
    only,
    base,
  }: { readonly fallback: string; readonly only: string | undefined; readonly base: BaseRoleArn | undefined },
): Promise<readonly Workload[]> {
  const cluster = manifestCluster(objects, { labels: {}, annotations: {} });
  const nowOf = origin.nowOf(base);
  const all = await Promise.all(
    withoutMade(objects).flatMap((object) => {
      const pod = templateOf(object)?.pod;
      const namespace = namespaceIn(object) ?? fallback;
      if (pod === undefined || (only !== undefined && namespace !== only)) return [];
      const [kind, name, serviceAccount] = [kindOf(object), nameIn(object), serviceAccountIn(pod)];
      requireNames(kind, name, { namespace, serviceAccount });
      return [
        cluster.facts(namespace, serviceAccount).then((facts): Workload => ({
          object,
          kind,
          name,
          namespace,
          serviceAccount,
          pod,
          facts,
          ...besideIrsa(nowOf({ pod, facts }), { pod, facts }, origin),
        })),
      ];
    }),
  );
  return all.toSorted((one, other) => inOrder(keyOf(one), keyOf(other)));
}

/**
 * IRSA may run beside kube2iam and kiam, and its variables go before the metadata service in every SDK. podrole reads the same annotation
 * of the service account, but the pod's own goes before it.
 */
function besideIrsa(found: Found, { pod, facts }: Place, origin: Origin): Found {
  const key = origin.settings["serviceAccountKey"] ?? ANNOTATION.serviceAccountRole;
  const ofAccount = annotation(facts.serviceAccount?.annotations, key);
  if (ofAccount === undefined || ofAccount === "") return found;
  const ofPod = annotation(annotationsOf(pod), origin.settings["roleKey"] ?? ANNOTATION.role);
  if (ofPod === undefined)
    return origin.name === "irsa" ? found : { ...found, now: { kind: "role", arn: ofAccount, by: BY_IRSA } };
  const isSame =
    origin.name === "irsa"
      ? found.now.kind === "role" && found.now.arn.endsWith(ofPod)
      : found.now.kind !== "none" && found.now.arn === ofAccount;
  if (isSame) return found;
  const message = `The pod's annotation names ${shown(ofPod)}, and its service account ${shown(ofAccount)}. SDKs take the service account's now, if IRSA's webhook runs; podrole takes the pod's.`;
  return { ...found, notes: [...found.notes, note("NAMED_TWICE", message)] };
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 120));

type Found = ReturnType<ReturnType<Origin["nowOf"]>>;

/** The facts as they will be when the namespace has podrole's label, and with these grants. */
export const labelled = ({ namespace, ...rest }: Facts, grants: Facts["grants"]): Facts => ({
  ...rest,
  namespace: { ...namespace, labels: { ...namespace.labels, [NAMESPACE_LABEL.key]: NAMESPACE_LABEL.value } },
  grants,
});

export const titleOf = ({ kind, namespace, name }: Workload): string => `${kind} ${namespace}/${name}`;

/** Of what gets a name at each `kubectl create`, such as a Job of a hook, the beginning of it. */
const nameIn = (object: Fields): string => {
  const name = own(metadataOf(object), "name") ?? own(metadataOf(object), "generateName");
  return typeof name === "string" ? name.replace(/[.-]+$/, "") : "";
};

const keyOf = (one: Workload): string => `${one.namespace}/${one.kind}/${one.name}`;
export const inOrder = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

function requireNames(kind: string, name: string, subject: Subject): void {
  const why = isName(name) ? nameProblem(subject) : `${JSON.stringify(name.slice(0, 120))} can be no name.`;
  if (why === undefined) return;
  throw new CodedError("NAME_INVALID", `A ${kind.slice(0, 60)} is of no cluster: ${why}`, {
    remedy: "Correct the manifest.",
  });
}
