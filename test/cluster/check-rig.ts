import { VERSION } from "../../injector/model/version.ts";
import { ACCOUNT } from "../support/facts.ts";
import type { ControlPlane } from "./control-plane.ts";
import { CONTROLLER, NAMESPACES, shippedObject, shippedObjects } from "./setting.ts";

const ADMISSION = "/apis/admissionregistration.k8s.io/v1";
/** Where podrole is installed. */
export const PLACE = "podrole-system";

/** A kubeconfig with all rights. */
export const adminConfig = ({ injectorConfig }: ControlPlane): string =>
  injectorConfig.exportConfig().replaceAll("injector-token", "admin-token");

/** Creates what controllers would make of the shipped manifests. The webhook exists already. */
export async function install({ admin }: ControlPlane): Promise<void> {
  await admin.create(NAMESPACES, { metadata: { name: PLACE } });
  const settings = await shippedObject("ConfigMap");
  Object.assign(settings.data, { policy: "listed", baseRoleArn: ACCOUNT, region: "eu-west-1" });
  await admin.create(`${NAMESPACES}/${PLACE}/configmaps`, settings);
  const deployment = await shippedObject("Deployment");
  const [container] = deployment.spec.template.spec.containers;
  container.image = `podrole/injector:${VERSION}`;
  const deployments = `/apis/apps/v1/namespaces/${PLACE}/deployments`;
  await admin.create(deployments, deployment);
  const status = { replicas: 2, readyReplicas: 2, updatedReplicas: 2, availableReplicas: 2 };
  await admin.patch(`${deployments}/podrole-injector/status`, { status });
  const controller = (await shippedObjects()).find(
    ({ kind, metadata }) => kind === "Deployment" && metadata.name === CONTROLLER,
  );
  await admin.create(deployments, controller);
  await admin.patch(`${deployments}/${CONTROLLER}/status`, {
    status: { replicas: 1, readyReplicas: 1, updatedReplicas: 1, availableReplicas: 1 },
  });
  await admin.create(
    `${ADMISSION}/validatingadmissionpolicies`,
    await shippedObject("ValidatingAdmissionPolicy"),
  );
  const binding = await shippedObject("ValidatingAdmissionPolicyBinding");
  await admin.create(`${ADMISSION}/validatingadmissionpolicybindings`, binding);
  await admin.create(`${NAMESPACES}/${PLACE}/services`, await shippedObject("Service"));
  await admin.create(
    `/apis/policy/v1/namespaces/${PLACE}/poddisruptionbudgets`,
    await shippedObject("PodDisruptionBudget"),
  );
  await admin.create(`/apis/discovery.k8s.io/v1/namespaces/${PLACE}/endpointslices`, {
    metadata: { name: "podrole-injector-1", labels: { "kubernetes.io/service-name": "podrole-injector" } },
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.1.0.1"], conditions: { ready: true } }],
    ports: [{ name: "webhook", port: 8443 }],
  });
}
