import { CLOSE_COMMAND } from "../contract/metadata.ts";
import { metadataPolicy } from "../contract/metadata-policy.ts";

/**
 * What to do where the metadata service answers, in lines that can be copied. The policy comes last: with dozens of addresses the message
 * is longer than the kubelet shows.
 */
export const waysToClose = (addresses: readonly string[]): readonly string[] => [
  "1. On the nodes, require tokens, and let their answers go no further than the node. For a node group, set the same in MetadataOptions of its launch template:",
  CLOSE_COMMAND,
  "2. Let the guards of new pods block the address. They need Pod Security level privileged, where podrole enforces baseline itself, and the annotation podrole.dev/guard of the namespace at auto or block:",
  "kubectl label --overwrite namespace NAMESPACE pod-security.kubernetes.io/enforce=privileged",
  "3. If the network plugin enforces policies for egress, and the namespace does not restrict it (this one allows everything else), set the chart's metadataNetworkPolicy, or run kubectl apply -n NAMESPACE -f FILE with:",
  ...yaml(metadataPolicy(addresses)),
];

/** The lines of a value of objects, lists and texts. */
function yaml(value: unknown): readonly string[] {
  if (Array.isArray(value)) {
    return value.flatMap((one) => yaml(one).map((line, at) => `${at === 0 ? "- " : "  "}${line}`));
  }
  if (typeof value !== "object" || value === null) return [scalar(String(value))];
  return Object.entries(value).flatMap(([key, inner]) => {
    const lines = yaml(inner);
    if (typeof inner === "string") return [`${key}: ${lines.join("")}`];
    return lines.length === 0 ? [`${key}: {}`] : [`${key}:`, ...lines.map((line) => `  ${line}`)];
  });
}

/** A colon has a meaning in YAML. */
const scalar = (text: string): string => (text.includes(":") ? JSON.stringify(text) : text);
