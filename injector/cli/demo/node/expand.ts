import { CodedError } from "../../../../sidecar/kit/errors.ts";
import type { Container, EnvVar, Pod } from "../../../model/pod.ts";
import { isRecord, own, recordsIn } from "../../../model/read.ts";

export type Environment = Readonly<Record<string, string>>;

/**
 * The kubelet's expansion: `$(NAME)` of a known variable is its value, `$$` is a dollar sign, and all else stays as it
 * stands, unknown references included.
 */
export const expand = (text: string, known: Environment): string =>
  text.replaceAll(/\$(?:\$|\(([^)]*)\))/g, (whole, name: string | undefined) => {
    if (whole === "$$") return "$";
    return name !== undefined && Object.hasOwn(known, name) ? (known[name] ?? "") : whole;
  });

/**
 * A container's environment as the kubelet makes it: in order, so that a value may refer to those before it.
 * @throws CodedError `DEMO_UNSUPPORTED` for what only a cluster could supply
 */
export function environmentOf(container: Container, pod: Pod): Environment {
  if ((container.envFrom ?? []).length > 0) throw unsupported(container, "has envFrom");
  const environment: Record<string, string> = {};
  for (const variable of container.env ?? []) {
    environment[variable.name] =
      variable.valueFrom == null
        ? expand(variable.value ?? "", environment)
        : fromPod(variable, container, pod);
  }
  return environment;
}

function fromPod(variable: EnvVar, container: Container, pod: Pod): string {
  const from = variable.valueFrom;
  const fieldRef = isRecord(from) ? own(from, "fieldRef") : undefined;
  const path = isRecord(fieldRef) ? own(fieldRef, "fieldPath") : undefined;
  const value = typeof path === "string" ? fieldOf(pod, path) : undefined;
  if (value === undefined) throw unsupported(container, `sets ${variable.name} from something else`);
  return value;
}

const unsupported = (container: Container, what: string): CodedError =>
  new CodedError("DEMO_UNSUPPORTED", `Container ${container.name} ${what}, which takes a cluster.`, {
    remedy: "Run another example.",
  });

/** The downward API: one field of the pod as text, or undefined where it offers no such field. */
export function fieldOf(pod: Pod, path: string): string | undefined {
  const [, map, key] = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path) ?? [];
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  if (key !== undefined) {
    const entries = map === "labels" ? pod.metadata?.labels : pod.metadata?.annotations;
    return text(entries?.[key]);
  }
  switch (path) {
    case "metadata.name":
      return text(pod.metadata?.name);
    case "metadata.namespace":
      return text(pod.metadata?.namespace);
    case "metadata.uid":
      return text(pod.metadata?.uid);
    case "spec.nodeName":
      return text(pod.spec["nodeName"]);
    case "spec.serviceAccountName":
      return text(pod.spec.serviceAccountName);
    case "status.podIP":
      return text(pod.status?.["podIP"]);
    case "status.podIPs":
      return recordsIn(pod.status ?? {}, "podIPs")
        .map((one) => text(own(one, "ip")))
        .join(",");
    case "status.hostIP":
      return text(pod.status?.["hostIP"]);
    default:
      return undefined;
  }
}
