import { plain } from "../../sidecar/kit/plain.ts";
import { fieldsIn, isRecord, metadataOf, own, type Fields } from "./read.ts";

/** A pod inside an object: where it is, and how the object looks with another in its place. */
export interface Template {
  readonly pod: Fields;
  readonly replace: (pod: unknown) => Fields;
  /** Where it is, as in `spec.template`; of a pod itself nothing. */
  readonly path: string;
  /** The metadata of the object, and of the job template of a CronJob. Of a pod itself none: it has no other. */
  readonly above: readonly { readonly path: string; readonly metadata: Fields }[];
}

const POD_TEMPLATE = ["spec", "template"];

/** Where each kind keeps its pod. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  "v1/Pod": [],
  "v1/PodTemplate": ["template"],
  "v1/ReplicationController": POD_TEMPLATE,
  "apps/v1/Deployment": POD_TEMPLATE,
  "apps/v1/StatefulSet": POD_TEMPLATE,
  "apps/v1/DaemonSet": POD_TEMPLATE,
  "apps/v1/ReplicaSet": POD_TEMPLATE,
  "batch/v1/Job": POD_TEMPLATE,
  "batch/v1/CronJob": ["spec", "jobTemplate", ...POD_TEMPLATE],
  "argoproj.io/v1alpha1/Rollout": POD_TEMPLATE,
  "apps.openshift.io/v1/DeploymentConfig": POD_TEMPLATE,
};

/** Each kind that holds a pod: `apps/v1/Deployment`. */
export const KINDS_WITH_PODS: readonly string[] = Object.keys(TEMPLATES);

export const kindOf = (object: Fields): string => String(own(object, "kind"));

/** The pod template of a workload, the pod itself of a pod, or undefined for everything else. */
export function templateOf(object: Fields): Template | undefined {
  const path = own(TEMPLATES, `${String(own(object, "apiVersion"))}/${kindOf(object)}`);
  if (!Array.isArray(path)) return undefined;
  const keys: readonly string[] = path;
  let pod: unknown = object;
  for (const key of keys) pod = isRecord(pod) ? own(pod, key) : undefined;
  // A Rollout may refer to another workload instead of holding a template.
  if (!isRecord(pod)) return undefined;
  const above = keys
    .map((_, length) => ({
      at: keys.slice(0, length).join("."),
      holder: keys.slice(0, length).reduce(fieldsIn, object),
    }))
    .filter(({ holder }) => Object.hasOwn(holder, "metadata"))
    .map(({ at, holder }) => ({ path: at, metadata: metadataOf(holder) }));
  return { pod, replace: (changed) => replaceAt(object, keys, changed), path: keys.join("."), above };
}

function replaceAt(object: Fields, [key, ...rest]: readonly string[], value: unknown): Fields {
  if (key === undefined) return isRecord(value) ? value : object;
  const inner = own(object, key);
  return {
    ...object,
    [key]: rest.length === 0 ? value : replaceAt(isRecord(inner) ? inner : {}, rest, value),
  };
}

/** `Kind namespace/name`, as messages call an object: on one line. */
export function nameOfObject(object: Fields, namespace: string): string {
  const metadata = own(object, "metadata");
  const name = isRecord(metadata) ? (own(metadata, "name") ?? own(metadata, "generateName")) : undefined;
  return plain(`${kindOf(object)} ${namespace}/${typeof name === "string" ? name : "(unnamed)"}`);
}

/** An object's own namespace, or undefined. */
export function namespaceIn(object: Fields): string | undefined {
  const metadata = own(object, "metadata");
  const namespace = isRecord(metadata) ? own(metadata, "namespace") : undefined;
  return typeof namespace === "string" && namespace !== "" ? namespace : undefined;
}
