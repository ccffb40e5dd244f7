import type { Facts } from "../model/facts.ts";
import { finding, type Finding } from "../model/findings.ts";

/** A service account that does not exist, for which no pod can be created. */
export function missingAccount(
  name: string,
  { serviceAccount, namespace }: Pick<Facts, "serviceAccount" | "namespace">,
): readonly Finding[] {
  // Kubernetes makes `default` a moment after its namespace.
  if (serviceAccount !== undefined || name === "default") return [];
  const message = `There is no service account ${JSON.stringify(name)} in namespace ${namespace.name}.`;
  return [finding("SERVICE_ACCOUNT_MISSING", message, "Create it, or correct serviceAccountName.")];
}
