import { readFile } from "node:fs/promises";
import { parse, parseAllDocuments } from "yaml";
import type { KubeConfig } from "@kubernetes/client-node";
import { until } from "../support/until.ts";
import type { ControlPlane } from "./control-plane.ts";
import { placeOf } from "./places.ts";
import type { KubeClient, KubeObject } from "./kube-client.ts";

export const NAMESPACES = "/api/v1/namespaces";
export const GRANTS = "/apis/podrole.dev/v1alpha1/rolegrants";
export const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
export const accountsOf = (namespace: string): string => `${NAMESPACES}/${namespace}/serviceaccounts`;
export const podsOf = (namespace: string): string => `${NAMESPACES}/${namespace}/pods`;

const RBAC = "/apis/rbac.authorization.k8s.io/v1";

/** The objects of deploy/install.yaml. */
export async function shippedObjects(): Promise<readonly KubeObject[]> {
  const text = await readFile(new URL("../../deploy/install.yaml", import.meta.url), "utf8");
  return parseAllDocuments(text)
    .map((document) => document.toJS())
    .filter((object) => object !== null);
}

export const INJECTOR = "podrole-injector";
export const CONTROLLER = "podrole-controller";
export const BROKER = "podrole-broker";

/** Kubernetes' garbage collector removes every object whose only owner this is. */
export const MISSING_OWNER = {
  apiVersion: "v1",
  kind: "ConfigMap",
  name: "nothing",
  uid: "0b1f8a52-9d4c-4a6e-8f0e-1d2c3b4a5968",
};

/** The first object of a kind that is not the controller's. */
export const shippedObject = async (kind: string): Promise<KubeObject> =>
  (await shippedObjects()).find((object) => object.kind === kind && object.metadata.name !== CONTROLLER);

/** Gives the injector exactly the cluster-wide rights of deploy/install.yaml. */
export async function allowInjector({ admin }: ControlPlane): Promise<void> {
  const role = await shippedObject("ClusterRole");
  await admin.create(`${RBAC}/clusterroles`, role);
  await admin.create(`${RBAC}/clusterrolebindings`, {
    metadata: { name: "injector" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role.metadata.name },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "injector" }],
  });
}

/** Gives the injector the rights that deploy/install.yaml has for its own namespace. The namespace must exist. */
export async function allowSecret({ admin }: ControlPlane): Promise<void> {
  const role = await shippedObject("Role");
  const place = `${RBAC}/namespaces/${role.metadata.namespace}`;
  await admin.create(`${place}/roles`, role);
  await admin.create(`${place}/rolebindings`, {
    metadata: { name: "injector" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role.metadata.name },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "injector" }],
  });
}

/** Creates the controller's service account with the rights of deploy/install.yaml. Its namespace must exist. */
export async function controllerAccount(plane: ControlPlane): Promise<KubeConfig> {
  const own = (await shippedObjects()).filter(
    ({ kind, metadata }) => metadata.name === CONTROLLER && kind !== "Deployment",
  );
  for (const object of own) await plane.admin.create(placeOf(object), object);
  return plane.serviceAccount("podrole-system", CONTROLLER);
}

/** Installs deploy/crd/rolegrants.yaml, and waits until the API server serves it. */
export async function installCrd({ admin }: ControlPlane): Promise<void> {
  const manifest = await readFile(new URL("../../deploy/crd/rolegrants.yaml", import.meta.url), "utf8");
  await admin.create(CRDS, parse(manifest) as object);
  await until("the CRD", async () => (await admin.request("GET", GRANTS)).status === 200 || undefined);
}

export const grantObject = (name: string, spec: object): object => ({
  apiVersion: "podrole.dev/v1alpha1",
  kind: "RoleGrant",
  metadata: { name },
  spec,
});

/** Creates a labelled namespace with the service account that a controller would create. */
export async function createNamespace(admin: KubeClient, name: string, labels = {}): Promise<void> {
  await admin.create(NAMESPACES, {
    metadata: { name, labels: { "podrole.dev/inject": "enabled", ...labels } },
  });
  await admin.create(accountsOf(name), { metadata: { name: "default" } });
}
