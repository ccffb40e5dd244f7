import { Agent } from "node:https";
import { accountsOf, INJECTOR, NAMESPACES, podsOf, shippedObjects } from "../cluster/setting.ts";
import { openControlPlane, type ControlPlane } from "../cluster/control-plane.ts";
import { kubeClient, type KubeClient, type KubeObject } from "../cluster/kube-client.ts";
import { placeOf } from "../cluster/places.ts";
import { freePort } from "../support/free-port.ts";
import { irsaWebhook, startIrsa } from "../support/irsa-webhook.ts";
import { until } from "../support/until.ts";
import {
  BURST_ACCOUNT,
  BURST_NAMESPACE,
  mountAccount,
  startInjector,
  type ApiServer,
} from "./injector-child.ts";
import { servingFiles } from "./serving-files.ts";
import type { Program } from "./sidecar-children.ts";

const WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
/** The label of the namespaces whose pods go through the named subject. */
const LABEL = "podrole.dev/bench";
const OF_PODS: ReadonlySet<string> = new Set(["podrole", "podrole-running"]);
const CALLED: Readonly<Record<string, string>> = { "podrole.dev/inject": "enabled" };
export const NONE = "no webhook";
export const IRSA = "IRSA's webhook";
export const WEBHOOK = "podrole";
export const POLICIES = "podrole, policies";

/** One way in which the same pod is admitted. */
export interface Subject {
  readonly name: string;
  readonly namespace: string;
  /** The webhook's name in the API server's metrics, and its process. */
  readonly webhook?: { readonly name: string; readonly pid: number };
}

export interface Rig {
  readonly plane: ControlPlane;
  readonly subjects: readonly Subject[];
  /** Keeps its connection. */
  readonly client: KubeClient;
  readonly injector: Program;
  /** By `performance.now()`. */
  readonly injectorReadyAt: number;
  readonly port: number;
  readonly ca: string;
  /** Why a subject is missing. */
  readonly missing: readonly string[];
}

/** One API server with namespaces for every subject; deploy/install.yaml, with the policies of pods in one of them. */
export async function openRig(bundle: string): Promise<Rig> {
  const [plane, irsa, serving] = await Promise.all([openControlPlane(), irsaWebhook(), servingFiles()]);
  process.once("exit", () => void plane.stop());
  const { admin } = plane;
  const { files, folder } = serving;
  const port = await freePort();
  const registered = (webhook: KubeObject, at: number): KubeObject => ({
    ...webhook,
    clientConfig: { url: `https://127.0.0.1:${at}/mutate`, caBundle: btoa(files.ca) },
  });
  const objects = (await shippedObjects()).map(forBench);
  const isWebhook = ({ kind }: KubeObject): boolean => kind === "MutatingWebhookConfiguration";
  for (const object of objects) if (!isWebhook(object)) await admin.create(placeOf(object), object);
  const apiServer = await apiServerFor(plane);
  mountAccount(apiServer);
  const injector = await startInjector(bundle, port, files, apiServer);
  const injectorReadyAt = performance.now();
  const ofPodrole = { name: "pods.podrole.dev", pid: injector.pid };
  const subjects: Subject[] = [{ name: NONE, namespace: "plain" }];
  const missing: string[] = [];
  await namespace(admin, "plain");
  if ("program" in irsa) {
    const at = await freePort();
    const { pid = 0 } = await startIrsa(irsa.program, folder, at, files, plane.adminConfig);
    await admin.create(WEBHOOKS, irsaRegistration(registered({}, at).clientConfig));
    subjects.push({
      name: IRSA,
      namespace: "irsa",
      webhook: { name: "pod-identity-webhook.amazonaws.com", pid },
    });
    await namespace(admin, "irsa");
  } else missing.push(irsa.why);
  subjects.push(
    { name: WEBHOOK, namespace: "webhook", webhook: ofPodrole },
    { name: POLICIES, namespace: "policies", webhook: ofPodrole },
  );
  await namespace(admin, "policies", CALLED);
  // While no webhook writes the guard.
  await until("the policies", async () => (await tried(admin, "policies")).status === 422 || undefined);
  for (const { webhooks, ...rest } of objects.filter(isWebhook)) {
    const ours = webhooks.map((webhook: KubeObject) => registered(webhook, port));
    await admin.create(WEBHOOKS, { ...rest, webhooks: ours });
  }
  await namespace(admin, "webhook", CALLED);
  await namespace(admin, BURST_NAMESPACE, CALLED, BURST_ACCOUNT);
  const { port: apiPort, ca } = apiServer;
  const token = plane.adminConfig.getCurrentUser()?.token ?? "";
  const client = kubeClient({ port: apiPort, ca, token }, new Agent({ ca, keepAlive: true, maxSockets: 1 }));
  for (const subject of subjects) await inForce(client, subject);
  return { plane, subjects, client, injector, injectorReadyAt, port, ca: files.ca, missing };
}

/** A pod of a usual size, whose service account has a role. */
export const podOf = (name: string): object => ({
  metadata: { name, labels: { app: "web", "app.kubernetes.io/part-of": "shop" } },
  spec: {
    serviceAccountName: "web",
    containers: [
      {
        name: "app",
        image: "registry.example/shop/web:1.2.3",
        env: Array.from({ length: 10 }, (_, i) => ({ name: `SETTING_${i}`, value: `value of setting ${i}` })),
        ports: [{ name: "http", containerPort: 8080 }],
        readinessProbe: { httpGet: { path: "/ready", port: 8080 } },
        livenessProbe: { httpGet: { path: "/live", port: 8080 } },
        resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
        securityContext: {
          runAsUser: 1000,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"] },
        },
      },
    ],
  },
});

/** Creates a pod. @throws Error unless it is admitted */
export const create = (client: KubeClient, { namespace: into }: Subject, name: string) =>
  client.create(podsOf(into), podOf(name));

async function namespace(admin: KubeClient, name: string, labels = {}, account = "web"): Promise<void> {
  await admin.create(NAMESPACES, { metadata: { name, labels: { ...labels, [LABEL]: name } } });
  await admin.create(accountsOf(name), {
    metadata: {
      name: account,
      annotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/billing-reader" },
    },
  });
}

const tried = (client: KubeClient, into: string): ReturnType<KubeClient["request"]> =>
  client.request("POST", `${podsOf(into)}?dryRun=All`, podOf("canary"));

/** Waits until the subject's webhook writes its part. */
async function inForce(client: KubeClient, { name, namespace: into, webhook }: Subject): Promise<void> {
  const part = webhook === undefined ? "" : name === IRSA ? "AWS_ROLE_ARN" : "podrole-sidecar";
  await until(name, async () => {
    const { status, body } = await tried(client, into);
    return (status === 201 && JSON.stringify(body.spec).includes(part)) || undefined;
  });
}

/** An object of deploy/install.yaml as it is measured here. */
function forBench(object: KubeObject): KubeObject {
  const { kind, metadata, spec, data } = object;
  if (kind === "ValidatingAdmissionPolicyBinding" && OF_PODS.has(metadata.name)) {
    const matchResources = { namespaceSelector: { matchLabels: { [LABEL]: "policies" } } };
    return { ...object, spec: { ...spec, matchResources } };
  }
  if (kind !== "ConfigMap") return object;
  // As the controller keeps them most of the time: the settings once more, as a form that is accepted.
  const accepted = Object.entries(data).map(([key, value]) => [`accepted.0.${key}`, value]);
  return { ...object, data: { ...data, ...Object.fromEntries(accepted) } };
}

async function apiServerFor(plane: ControlPlane): Promise<ApiServer> {
  const account = await plane.serviceAccount("podrole-system", INJECTOR);
  const { server = "", caData = "" } = account.getCurrentCluster() ?? {};
  return {
    port: Number(new URL(server).port),
    ca: atob(caData),
    token: account.getCurrentUser()?.token ?? "",
  };
}

const irsaRegistration = (clientConfig: object): object => ({
  metadata: { name: "pod-identity-webhook" },
  webhooks: [
    {
      name: "pod-identity-webhook.amazonaws.com",
      failurePolicy: "Ignore",
      sideEffects: "None",
      admissionReviewVersions: ["v1", "v1beta1"],
      namespaceSelector: { matchLabels: { [LABEL]: "irsa" } },
      clientConfig,
      rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] }],
    },
  ],
});
