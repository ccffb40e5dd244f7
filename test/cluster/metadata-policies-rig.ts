import type { KubeConfig } from "@kubernetes/client-node";
import { POLICY_OWNER } from "../../injector/controller/metadata-policy-writes.ts";
import { METADATA_POLICY } from "../../sidecar/contract/metadata-policy.ts";
import { rendered, type Manifest } from "../support/helm.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";
import { placeOf } from "./places.ts";
import { CONTROLLER, NAMESPACES } from "./setting.ts";

export const OWN = "podrole-system";
export const SETTINGS = `${NAMESPACES}/${OWN}/configmaps/podrole-config`;
export const policiesOf = (namespace: string): string =>
  `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`;
export const policyIn = (namespace: string): string => `${policiesOf(namespace)}/${METADATA_POLICY}`;

/** Another tool keeps certificates, so that the controller has nothing to do but what is tested. */
const CHART = rendered.bind(undefined, {
  metadataNetworkPolicy: { labelled: true },
  webhook: { excludeNamespaces: ["istio-system"] },
  tls: { mode: "cert-manager" },
});

/** The objects that give the controller its rights over policies, and what holds it to its work. */
export const policyRights = (): readonly Manifest[] =>
  CHART().filter((object) => object?.metadata.name === POLICY_OWNER);

/** The controller of the chart with `metadataNetworkPolicy.labelled`: what it needs is created. */
export async function policyController(
  plane: ControlPlane,
): Promise<{ readonly account: KubeConfig; readonly args: readonly string[] }> {
  const objects = CHART();
  const isNeeded = ({ kind, metadata }: KubeObject): boolean =>
    kind !== "Deployment" && [CONTROLLER, "podrole-config"].includes(metadata.name);
  await plane.admin.create(NAMESPACES, { metadata: { name: OWN, labels: LABELLED } });
  for (const object of [...objects.filter((one) => one !== null).filter(isNeeded), ...policyRights()])
    await plane.admin.create(placeOf(object), object);
  const { spec } = objects.find((one) => one?.kind === "Deployment" && one.metadata.name === CONTROLLER);
  const shipped: readonly string[] = spec.template.spec.containers[0].args;
  return {
    account: await plane.serviceAccount(OWN, CONTROLLER),
    // The test chooses where it listens.
    args: shipped.filter((arg) => !arg.startsWith("--port=")),
  };
}

export const LABELLED = { "podrole.dev/inject": "enabled" };
