import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { CONFIG_MAP } from "../../injector/config/config-map.ts";
import { VERSION } from "../../injector/model/version.ts";

export const COUNTS = { namespaces: 10_000, grants: 2000, accounts: 20_000 };
const PAGE_MAX = 500;
const ROLE = "arn:aws:iam::111122223333:role/";

export const nameOf = (n: number): string => `team-${n % 500}-service-${n}`;

/** Objects as the API server has them: a decision needs only a small part of each. */
const managed = (fields: object): object => ({
  managedFields: [
    {
      manager: "kubectl-client-side-apply",
      operation: "Update",
      apiVersion: "v1",
      time: "2026-11-21T12:00:00Z",
      fieldsType: "FieldsV1",
      fieldsV1: {
        "f:metadata": { "f:annotations": { ".": {}, ...fields }, "f:labels": { ".": {}, ...fields } },
      },
    },
  ],
  creationTimestamp: "2026-11-21T12:00:00Z",
  uid: "0b1f8a52-9d4c-4a6e-8f0e-1d2c3b4a5968",
});

const namespace = (n: number): object => ({
  metadata: {
    name: nameOf(n),
    labels: {
      "kubernetes.io/metadata.name": nameOf(n),
      "podrole.dev/inject": "enabled",
      "pod-security.kubernetes.io/enforce": "privileged",
      "acme.example/team": `team-${n % 500}`,
      "acme.example/stage": ["development", "staging", "production"][n % 3],
    },
    annotations: {
      "iam.amazonaws.com/allowed-roles": JSON.stringify([`${ROLE}${nameOf(n)}/*`]),
      "acme.example/owner": `team-${n % 500}@acme.example`,
      "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify({ n, filler: "x".repeat(400) }),
    },
    resourceVersion: String(n + 1),
    ...managed({
      "f:acme.example/team": {},
      "f:acme.example/stage": {},
      "f:iam.amazonaws.com/allowed-roles": {},
    }),
  },
  spec: { finalizers: ["kubernetes"] },
  status: { phase: "Active" },
});

const account = (n: number): object => ({
  metadata: {
    name: n % 2 === 0 ? "default" : "worker",
    namespace: nameOf(Math.floor(n / 2)),
    labels: { "app.kubernetes.io/managed-by": "Helm" },
    annotations:
      n % 2 === 0
        ? {}
        : {
            "eks.amazonaws.com/role-arn": `${ROLE}${nameOf(Math.floor(n / 2))}/worker`,
            other: "y".repeat(100),
          },
    resourceVersion: String(n + 1),
    ...managed({ "f:app.kubernetes.io/managed-by": {} }),
  },
});

/** Grants for namespaces by name, by glob and by label. One in fifty is a Deny for all namespaces. */
const grant = (n: number): object => ({
  metadata: { name: `grant-${n}`, resourceVersion: String(n + 1), ...managed({ "f:spec": {} }) },
  spec: {
    effect: n % 50 === 0 ? "Deny" : "Allow",
    roles: [`${ROLE}team-${n % 500}/*`, `${ROLE}${nameOf(n)}-*`],
    ...(n % 50 === 0
      ? { namespaces: ["*"], roles: [`${ROLE}forbidden-${n}*`] }
      : [
          { namespaces: [nameOf(n), nameOf(n + 500), nameOf(n + 1000)] },
          { namespaces: [`team-${n % 500}-*`] },
          { namespaceSelector: { matchLabels: { "acme.example/team": `team-${n % 500}` } } },
        ][n % 3]),
    serviceAccounts: ["worker", "job-*"],
  },
});

/** Only defaults, written long ago: an injector would wait for settings that were written just now. */
const SETTINGS = {
  metadata: {
    name: CONFIG_MAP,
    namespace: "podrole-system",
    resourceVersion: "1",
    creationTimestamp: "2026-11-21T12:00:00Z",
  },
  data: { version: VERSION },
};

const list = (count: number, make: (n: number) => object): readonly object[] =>
  Array.from({ length: count }, (_, n) => make(n));

/** An API server with a large cluster in it. @returns its port */
export async function serveCluster(): Promise<number> {
  const server = createServer(clusterOf(COUNTS));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** The answers of an API server with a hundred namespaces. */
export const smallCluster = (): RequestListener => clusterOf({ namespaces: 100, grants: 20, accounts: 200 });

function clusterOf(counts: typeof COUNTS): RequestListener {
  const kinds = new Map([
    ["/api/v1/namespaces", list(counts.namespaces, namespace)],
    ["/api/v1/serviceaccounts", list(counts.accounts, account)],
    ["/api/v1/limitranges", []],
    ["/apis/podrole.dev/v1alpha1/rolegrants", list(counts.grants, grant)],
    ["/api/v1/namespaces/podrole-system/configmaps", [SETTINGS]],
  ]);
  return (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
    const objects = kinds.get(pathname);
    response
      .writeHead(objects === undefined ? 404 : 200, { "content-type": "application/json" })
      .flushHeaders();
    if (objects === undefined) return void response.end("{}");
    if (searchParams.get("watch") === "true") return;
    const from = Number(searchParams.get("continue") ?? 0);
    const to = from + Math.min(PAGE_MAX, Number(searchParams.get("limit")));
    const more = to < objects.length ? { continue: String(to) } : {};
    const metadata = { resourceVersion: "100000", ...more };
    response.end(JSON.stringify({ metadata, items: objects.slice(from, to) }));
  };
}

/** A typical pod of a Deployment, with extra annotations of that many bytes. */
export function podOf(extraBytes: number): object {
  const value = "z".repeat(1000);
  const extra = Array.from({ length: extraBytes / 1000 }, (_, n) => [`acme.example/extra-${n}`, value]);
  const container = (n: number): object => ({
    name: `app-${n}`,
    image: `registry.example/shop/app-${n}:1.2.3`,
    ports: [{ containerPort: 8080 + n, protocol: "TCP" }],
    env: Array.from({ length: 20 }, (_, e) => ({ name: `SETTING_${e}`, value: `value of setting ${e}` })),
    resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
    volumeMounts: [
      { name: "data", mountPath: "/data" },
      { name: "token", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount", readOnly: true },
    ],
    livenessProbe: { httpGet: { path: "/livez", port: 8080 }, periodSeconds: 10 },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
  });
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: "web-7d4b9c6f5-",
      labels: { app: "web", "pod-template-hash": "7d4b9c6f5" },
      annotations: Object.fromEntries(extra),
    },
    spec: {
      serviceAccountName: "worker",
      containers: [0, 1, 2].map(container),
      initContainers: [container(3)],
      volumes: [
        { name: "data", emptyDir: {} },
        { name: "token", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } },
      ],
      tolerations: [{ key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" }],
    },
  };
}

/** The bytes of a review of that pod in the n-th namespace. */
export const reviewOf = (pod: object, n: number): string =>
  JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: `0b1f8a52-9d4c-4a6e-8f0e-${String(n).padStart(12, "0")}`,
      resource: { group: "", version: "v1", resource: "pods" },
      namespace: nameOf(n),
      operation: "CREATE",
      userInfo: { username: "system:serviceaccount:kube-system:replicaset-controller" },
      object: pod,
    },
  });
