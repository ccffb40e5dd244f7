import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { until } from "../support/until.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { KubeClient } from "./kube-client.ts";

export const NAMESPACES = "/api/v1/namespaces";
export const GRANTS = "/apis/podrole.dev/v1alpha1/rolegrants";
export const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
export const accountsOf = (namespace: string): string => `${NAMESPACES}/${namespace}/serviceaccounts`;
export const podsOf = (namespace: string): string => `${NAMESPACES}/${namespace}/pods`;

const RBAC = "/apis/rbac.authorization.k8s.io/v1";

/** What the injector may do: read facts, write the status of grants, and nothing else. */
export async function allowInjector({ admin }: ControlPlane): Promise<void> {
  const verbs = ["get", "list", "watch"];
  await admin.create(`${RBAC}/clusterroles`, {
    metadata: { name: "injector" },
    rules: [
      { apiGroups: [""], resources: ["namespaces", "serviceaccounts"], verbs },
      { apiGroups: ["podrole.dev"], resources: ["rolegrants"], verbs: ["list", "watch"] },
      { apiGroups: ["podrole.dev"], resources: ["rolegrants/status"], verbs: ["patch"] },
      { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
    ],
  });
  await admin.create(`${RBAC}/clusterrolebindings`, {
    metadata: { name: "injector" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "injector" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "injector" }],
  });
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

/** A labelled namespace with the service account that a controller would make. */
export async function createNamespace(admin: KubeClient, name: string, labels = {}): Promise<void> {
  await admin.create(NAMESPACES, {
    metadata: { name, labels: { "podrole.dev/inject": "enabled", ...labels } },
  });
  await admin.create(accountsOf(name), { metadata: { name: "default" } });
}
