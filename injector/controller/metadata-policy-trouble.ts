import { METADATA_POLICY } from "../../sidecar/contract/metadata-policy.ts";
import { CodedError } from "../../sidecar/kit/errors.ts";
import type { Refusal } from "../cluster/api-server.ts";
import type { InjectorConfig } from "../config/installation.ts";

/** In source node the sidecar's own identity comes from the metadata service, and no NetworkPolicy tells it from the app. */
export function requireNoNodeSource({ source, sourceOverride }: InjectorConfig): void {
  if (source !== "node" && !sourceOverride.includes("node")) return;
  throw new CodedError(
    "METADATA_POLICY_SOURCE_NODE",
    "In source node the sidecar needs the metadata service, and a NetworkPolicy holds for the sidecar too: none is written.",
    { remedy: "Remove node from the settings source and sourceOverride, or keep no NetworkPolicies." },
  );
}

/** How many namespaces are named. */
const NAMED_MAX = 5;

export const policiesForeign = (namespaces: readonly string[]): CodedError =>
  new CodedError(
    "METADATA_POLICY_FOREIGN",
    `The NetworkPolicy ${METADATA_POLICY} of another owner is not as the setting block wants it in: ${named(namespaces)}.`,
    { remedy: "Correct it, or delete it so that the controller makes its own." },
  );

export const policiesRefused = (namespace: string, { status, said }: Refusal, more: number): CodedError =>
  new CodedError(
    "METADATA_POLICY_REFUSED",
    `The API server refused the NetworkPolicy ${METADATA_POLICY} in ${namespace}${more > 0 ? ` and ${more} more` : ""}: HTTP ${status}${said === "" ? "" : `, ${said.replace(/\.$/, "")}`}.`,
    {
      remedy: "See which quota or policy of the cluster refuses it. The controller tries again each minute.",
    },
  );

export const named = (namespaces: readonly string[]): string => {
  const more = namespaces.length - NAMED_MAX;
  return `${namespaces.slice(0, NAMED_MAX).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
};
