import { METADATA_POLICY } from "../../sidecar/contract/metadata-policy.ts";
import { Refusal, type ApiServer } from "../cluster/api-server.ts";
import { isRecord, metadataOf, own, type Fields } from "../model/read.ts";
import { OWN_LABELS, type Step } from "./metadata-policy-plan.ts";

/**
 * The ClusterRole that owns every policy of the controller's. It is there only while the controller keeps policies, so Kubernetes
 * removes them when the chart's value goes or podrole is uninstalled. The controller could not: it has no right then, or is gone.
 */
export const POLICY_OWNER = "podrole-controller-metadata";

const OWNER_PATH = `/apis/rbac.authorization.k8s.io/v1/clusterroles/${POLICY_OWNER}`;
export const GROUP = "/apis/networking.k8s.io/v1";
/** Webhooks may take so long. */
const REQUEST_MS = 30_000;

/** What a policy of the controller's has beside its name. */
interface Content {
  readonly spec: object;
  readonly owner: Fields | undefined;
}

/** @returns false where the policy or its namespace has changed meanwhile: the watch says how, and the next round sees it */
export async function written(
  api: ApiServer,
  step: Step,
  { spec, owner }: Content,
  signal: AbortSignal,
): Promise<boolean> {
  const path = `${GROUP}/namespaces/${step.namespace}/networkpolicies/${METADATA_POLICY}`;
  try {
    if (step.do === "create") {
      const metadata = { name: METADATA_POLICY, labels: OWN_LABELS, ownerReferences: [owner] };
      const object = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata, spec };
      await api.apply(path, object, REQUEST_MS, signal);
    } else if (step.do === "repair") {
      const patch = [
        { op: "replace", path: "/metadata/resourceVersion", value: step.resourceVersion },
        { op: "replace", path: "/spec", value: spec },
      ];
      await api.patch(path, patch, REQUEST_MS, signal);
    } else {
      await api.remove(path, step, REQUEST_MS, signal);
    }
    return true;
  } catch (error) {
    if (error instanceof Refusal && (error.status === 404 || error.status === 409)) return false;
    throw error;
  }
}

/** As an owner reference. @throws Refusal or Error as the client does */
export async function ownerIn(api: ApiServer, signal: AbortSignal): Promise<Fields> {
  const object = await api.get(OWNER_PATH, REQUEST_MS, signal);
  const uid = isRecord(object) ? own(metadataOf(object), "uid") : undefined;
  return { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", name: POLICY_OWNER, uid };
}

/** Of the client, or of an API server that is starting or overloaded. */
const OF_ALL: ReadonlySet<number> = new Set([401, 429, 503]);

/** A refusal that need not concern other namespaces. With 500 the API server reports a webhook that cannot be called. */
export const isOfOneNamespace = (error: unknown): error is Refusal =>
  error instanceof Refusal && !OF_ALL.has(error.status);
