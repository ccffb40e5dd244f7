import { fileURLToPath } from "node:url";
import { valuesAt } from "./chart-options.ts";
import { CHART_SAMPLES, SOME_CERTIFICATE } from "./setting-samples.ts";

const HA = fileURLToPath(new URL("../../deploy/chart/values-ha.yaml", import.meta.url));

/** Namespaces for which the chart has an object. */
export const POLICY_NAMESPACES = ["shop", "billing"] as const;

/** Turns on everything that is off by default, and fills every list and map. */
const EVERYTHING: object = {
  options: {
    ...CHART_SAMPLES,
    stsEndpoint: null,
    brokerCa: null,
    sourceOverride: ["node", "ambient"],
  },
  imagePullSecrets: [{ name: "registry" }],
  image: { digest: `sha256:${"0".repeat(64)}` },
  port: 10_260,
  nodeSelector: { "node-role.kubernetes.io/infra": "" },
  tolerations: [{ key: "dedicated", operator: "Exists" }],
  affinity: { nodeAffinity: {} },
  commonLabels: { team: "platform" },
  podAnnotations: { "example.com/a": "b" },
  serviceAccount: { annotations: { "example.com/a": "b" } },
  extraEnv: [{ name: "HTTPS_PROXY", value: "http://proxy.example:3128" }],
  namespace: { create: true },
  webhook: { excludeNamespaces: ["istio-system"] },
  tls: { names: ["podrole.example"] },
  networkPolicy: {
    enabled: true,
    from: [{ ipBlock: { cidr: "10.0.0.0/28" } }],
    metricsFrom: [{ podSelector: { matchLabels: { app: "prometheus" } } }],
  },
  metadataNetworkPolicy: { namespaces: POLICY_NAMESPACES },
  serviceMonitor: { enabled: true, labels: { release: "prometheus" } },
  podMonitor: { enabled: true, namespaces: ["shop"], labels: { release: "prometheus" } },
  prometheusRule: { enabled: true, labels: { release: "prometheus" } },
  grafanaDashboard: { enabled: true, annotations: { folder: "podrole" } },
  broker: {
    enabled: true,
    identity: { roleArn: "arn:aws:iam::111122223333:role/podrole-broker" },
    tolerations: [{ key: "dedicated", operator: "Exists" }],
    affinity: { nodeAffinity: {} },
    serviceAccount: { annotations: { "example.com/a": "b" } },
    extraEnv: [{ name: "A", value: "b" }],
    networkPolicy: {
      enabled: true,
      from: [{ namespaceSelector: {} }],
      metricsFrom: [{ podSelector: { matchLabels: { app: "prometheus" } } }],
    },
  },
};

/** Values with which the chart is tested: a name, the values, more arguments of helm. */
export const CHART_VALUES: readonly (readonly [string, object, readonly string[]])[] = [
  ["its defaults", {}, []],
  ["values-ha.yaml", {}, ["-f", HA]],
  ["cert-manager", valuesAt("tls.mode", "cert-manager"), []],
  [
    "cert-manager and an issuer",
    { tls: { mode: "cert-manager", certManager: { issuerRef: { name: "company", kind: "ClusterIssuer" } } } },
    [],
  ],
  ["files", { tls: { mode: "files", caBundle: SOME_CERTIFICATE } }, []],
  ["an STS endpoint", valuesAt("options.stsEndpoint", "https://sts.example"), []],
  [
    "NetworkPolicies of the controller's",
    {
      metadataNetworkPolicy: { labelled: true },
      webhook: { excludeNamespaces: ["istio-system", "linkerd"] },
    },
    [],
  ],
  [
    "a broker with keys of a Secret, and values-ha.yaml",
    { broker: { enabled: true, identity: { type: "secret", secretName: "aws" } } },
    ["-f", HA],
  ],
  ["a broker with the node's role", { broker: { enabled: true, identity: { type: "node" } } }, []],
  ["everything that is optional", EVERYTHING, []],
  [
    "everything that is optional, cert-manager and the node's network",
    {
      ...EVERYTHING,
      ...valuesAt("tls.mode", "cert-manager"),
      hostNetwork: true,
      networkPolicy: { enabled: false },
    },
    [],
  ],
];
