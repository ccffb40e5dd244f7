import type { KubeObject } from "./kube-client.ts";

/** The API path of each kind in deploy/. */
const PLACES: Readonly<Record<string, string>> = {
  Namespace: "/api/v1/namespaces",
  ServiceAccount: "/api/v1/*/serviceaccounts",
  Service: "/api/v1/*/services",
  Pod: "/api/v1/*/pods",
  Deployment: "/apis/apps/v1/*/deployments",
  ConfigMap: "/api/v1/*/configmaps",
  NetworkPolicy: "/apis/networking.k8s.io/v1/*/networkpolicies",
  StatefulSet: "/apis/apps/v1/*/statefulsets",
  DaemonSet: "/apis/apps/v1/*/daemonsets",
  Job: "/apis/batch/v1/*/jobs",
  CronJob: "/apis/batch/v1/*/cronjobs",
  PodDisruptionBudget: "/apis/policy/v1/*/poddisruptionbudgets",
  Role: "/apis/rbac.authorization.k8s.io/v1/*/roles",
  RoleBinding: "/apis/rbac.authorization.k8s.io/v1/*/rolebindings",
  CustomResourceDefinition: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
  Issuer: "/apis/cert-manager.io/v1/*/issuers",
  Certificate: "/apis/cert-manager.io/v1/*/certificates",
  ServiceMonitor: "/apis/monitoring.coreos.com/v1/*/servicemonitors",
  PodMonitor: "/apis/monitoring.coreos.com/v1/*/podmonitors",
  PrometheusRule: "/apis/monitoring.coreos.com/v1/*/prometheusrules",
  RoleGrant: "/apis/podrole.dev/v1alpha1/rolegrants",
  ClusterRole: "/apis/rbac.authorization.k8s.io/v1/clusterroles",
  ClusterRoleBinding: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
  MutatingWebhookConfiguration: "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
  ValidatingAdmissionPolicy: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
  ValidatingAdmissionPolicyBinding: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
};

/** The path for creating an object. @throws Error for an unknown kind */
export function placeOf({ kind, metadata }: KubeObject): string {
  const place = PLACES[kind];
  if (place === undefined) throw new Error(`where is a ${kind} created?`);
  return place.replace("*", `namespaces/${metadata.namespace ?? "shop"}`);
}
