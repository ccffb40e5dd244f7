import { CONTAINER_ROLE_PREFIX } from "../../sidecar/contract/annotations.ts";
import type { Keys } from "../model/annotations.ts";
import { finding, type Finding } from "../model/findings.ts";
import type { Pod } from "../model/pod.ts";
import { fieldsIn, metadataOf, own, recordsIn, strings, type Fields } from "../model/read.ts";

/** The user who creates the pod, by the API server's name; undefined offline, where it is no node. */
export type Requester = string | undefined;

const NODES = "system:node:";
/** For a pod that exists: what it says of itself was looked at when it was created. */
export const SOME_NODE: Requester = NODES;

export const MIRROR = "kubernetes.io/config.mirror";

/**
 * A mirror pod: a node's copy of a static pod, which the kubelet does not run from the API server. Only a node may create
 * one: otherwise any user could bypass the guard with this annotation.
 */
export function isMirror({ metadata }: Pod, requester: Requester): boolean {
  return metadata?.annotations?.[MIRROR] !== undefined && requester?.startsWith(NODES) === true;
}

/**
 * The labels of a node that name its operating system. The kubelet sets both when it registers the node, and sets the first again
 * with each report of its status; the node lifecycle controller sets the second to the value of the first.
 */
const OS_LABELS: ReadonlySet<string> = new Set(["kubernetes.io/os", "beta.kubernetes.io/os"]);

/**
 * The field by which nothing but a Windows node can run the pod; undefined if there is none. The guard cannot run on such a node. The
 * scheduler and, with `nodeName` too, the kubelet of a Linux node refuse such a pod (in its source: `rejectPodAdmissionBasedOnOSField`,
 * `AdmissionCheck`), and what a pod asks of its node can only be narrowed later.
 * @param spec of a pod
 */
export function asksForWindows(spec: Fields): string | undefined {
  const name = own(fieldsIn(spec, "os"), "name");
  if (name != null) return name === "windows" ? "os.name" : undefined;
  const selector = fieldsIn(spec, "nodeSelector");
  const label = [...OS_LABELS].find((one) => own(selector, one) === "windows");
  if (label !== undefined) return `nodeSelector ${label}`;
  return hasAffinityToWindows(spec) ? "nodeAffinity" : undefined;
}

/** One of the terms has to match, so each has to ask for Windows. Within a term, all expressions have to match. */
function hasAffinityToWindows(spec: Fields): boolean {
  const affinity = fieldsIn(fieldsIn(spec, "affinity"), "nodeAffinity");
  const required = fieldsIn(affinity, "requiredDuringSchedulingIgnoredDuringExecution");
  const terms = recordsIn(required, "nodeSelectorTerms");
  return terms.length > 0 && terms.every((term) => recordsIn(term, "matchExpressions").some(isOnlyWindows));
}

function isOnlyWindows(expression: Fields): boolean {
  const [key, values] = [own(expression, "key"), strings(own(expression, "values"))];
  return (
    typeof key === "string" &&
    OS_LABELS.has(key) &&
    own(expression, "operator") === "In" &&
    values.length > 0 &&
    values.every((value) => value === "windows")
  );
}

/** Why a pod that exists has neither guard nor sidecar of podrole's, whatever its namespace is set to; undefined if it may have. */
export function whyNeverInjected(pod: Fields): string | undefined {
  const spec = fieldsIn(pod, "spec");
  if (asksForWindows(spec) !== undefined) return "for Windows";
  if (own(fieldsIn(metadataOf(pod), "annotations"), MIRROR) !== undefined) return "mirror pod";
  return own(spec, "hostNetwork") === true ? "on the node's network" : undefined;
}

/** What a Windows pod asks podrole for in vain. A role of its service account may come from IRSA. */
export function windowsFindings({ metadata }: Pod, keys: Keys): readonly Finding[] {
  return Object.keys(metadata?.annotations ?? {})
    .filter((key) => key === keys.role || key.startsWith(CONTAINER_ROLE_PREFIX))
    .slice(0, 1)
    .map((key) =>
      finding(
        "WINDOWS_WITHOUT_ROLE",
        `The pod is for Windows nodes, where podrole does nothing, so its annotation ${key.slice(0, 120)} has no effect.`,
        "Remove the annotation, and give the pod its role by IRSA.",
      ),
    );
}
