import type { InjectorConfig } from "../../injector/config/installation.ts";
import { admitPod } from "../../injector/review/admit-pod.ts";
import { ACCOUNT, facts, grant } from "../support/facts.ts";
import { ofKind, rendered, whyNoHelm, type Manifest } from "../support/helm.ts";
import { FRESH } from "../support/pods.ts";
import { until } from "../support/until.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import type { KubeClient, KubeObject } from "./kube-client.ts";
import type { AttackSetting } from "./attack.ts";
import { accountsOf, NAMESPACES, podsOf } from "./setting.ts";

export const POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
const CONFIGS = `${NAMESPACES}/podrole-system/configmaps`;

/** The reason why the policies cannot be tried on this machine, or undefined. */
export const whyNoPolicies = (): string | undefined => whyNot() ?? whyNoHelm();

const OF_PODS: ReadonlySet<string> = new Set(["podrole", "podrole-running"]);

/** The chart's policies for pods that are created and for pods that run. */
export const policiesOfPods = (): readonly Manifest[] =>
  rendered().filter(
    ({ kind, metadata }) => kind === "ValidatingAdmissionPolicy" && OF_PODS.has(metadata.name),
  );

/** The code of the policy that denied a request; the whole message where none did. */
export const codeIn = (message: string): string =>
  /ValidatingAdmissionPolicy.*denied request: \[([A-Z_]+)\]/.exec(message)?.[1] ?? message;

/** The chart's policies at a real API server, without the webhook. */
export interface PolicyRig {
  readonly plane: ControlPlane;
  /** Puts the policies in force for a configuration, once. @returns the label of its namespaces */
  readonly policyFor: (config: InjectorConfig) => Promise<string>;
  /** Creates a labelled namespace with its service account. @param policy what `policyFor` returned */
  readonly namespace: (name: string, policy: string, annotations?: object, labels?: object) => Promise<void>;
  /** Creates a pod: by default only tries it. */
  readonly create: (into: string, pod: KubeObject, query?: string) => ReturnType<KubeClient["request"]>;
  /** A harmless pod as the webhook makes it under some settings, and the namespace that admits it. */
  readonly good: (
    setting: AttackSetting,
    name: string,
    sidecar?: boolean,
  ) => Promise<{ readonly own: string; readonly pod: KubeObject }>;
  readonly close: () => Promise<void>;
}

/** For namespaces with labels of Pod Security, where these policies alone are to answer. */
export const WITHOUT_LEVELS = "--disable-admission-plugins=PodSecurity";

/** @param flags of the API server */
export async function openPolicies(...flags: readonly string[]): Promise<PolicyRig> {
  const plane = await openControlPlane(undefined, ...flags);
  const { admin } = plane;
  const settled = new Map<string, Promise<string>>();

  const namespace: PolicyRig["namespace"] = async (name, policy, annotations = {}, more = {}) => {
    const labels = { ...more, "podrole.dev/inject": "enabled", "test-policy": policy };
    await admin.create(NAMESPACES, { metadata: { name, labels, annotations } });
    await admin.create(accountsOf(name), { metadata: { name: "default" } });
  };
  const create: PolicyRig["create"] = (into, pod, query = "?dryRun=All") =>
    admin.request("POST", `${podsOf(into)}${query}`, {
      ...pod,
      metadata: { ...pod.metadata, namespace: into },
    });

  async function install(label: string, values: object): Promise<string> {
    const objects = rendered(values);
    const settings = ofKind(objects, "ConfigMap");
    settings.metadata.name = label;
    await admin.create(CONFIGS, settings);
    for (const binding of objects.filter(({ kind }) => kind === "ValidatingAdmissionPolicyBinding")) {
      const { name } = binding.metadata;
      if (!OF_PODS.has(name)) continue;
      binding.metadata.name = `${name}-${label}`;
      if (binding.spec.paramRef) binding.spec.paramRef.name = label;
      binding.spec.matchResources = { namespaceSelector: { matchLabels: { "test-policy": label } } };
      await admin.create(BINDINGS, binding);
    }
    await namespace(`${label}-canary`, label);
    const containers = [{ name: "a", image: "a" }];
    const canary = {
      metadata: { name: "canary" },
      spec: { hostPID: true, containers, initContainers: [{ name: "podrole-sidecar", image: "a" }] },
    };
    const isRefused = async (): Promise<true | undefined> => {
      const { status } = await create(`${label}-canary`, canary);
      return status === 422 || status === 403 || undefined;
    };
    await until("the policy to be in force", isRefused, 30_000);
    return label;
  }

  const policyFor: PolicyRig["policyFor"] = (config) => {
    const values = JSON.stringify(valuesOf(config));
    const installing = settled.get(values) ?? install(`config-${settled.size}`, JSON.parse(values) as object);
    settled.set(values, installing);
    return installing;
  };

  const good: PolicyRig["good"] = async (setting, name, sidecar = true) => {
    const { config, annotations, labels = {}, pod: asked = {} } = setting;
    const label = await policyFor(config);
    const own = `attack-${name.toLowerCase()}`;
    const found = await admin.request("GET", `${NAMESPACES}/${own}`);
    if (found.status === 404) await namespace(own, label, annotations, labels);
    const role = { "iam.amazonaws.com/role": "arn:aws:iam::111122223333:role/billing-reader" };
    const outcome = admitPod(
      {
        metadata: { name: "web", annotations: { ...(sidecar ? role : {}), ...asked } },
        spec: {
          containers: [{ name: "app", image: "shop/app:1", securityContext: { runAsUser: 1000 } }],
        },
      },
      facts({ annotations, labels, grants: [ALL_ROLES] }),
      { ...config, policy: "off" },
      FRESH,
    );
    if (outcome.kind !== "inject") throw new Error(JSON.stringify(outcome));
    return { own, pod: structuredClone(outcome.after) as KubeObject };
  };

  try {
    await admin.create(NAMESPACES, { metadata: { name: "podrole-system" } });
    for (const policy of policiesOfPods()) await admin.create(POLICIES, policy);
  } catch (error) {
    await plane.stop();
    throw error;
  }
  return { plane, policyFor, namespace, create, good, close: () => plane.stop() };
}

/** Source broker needs one, whatever the mode of the policy. */
export const ALL_ROLES = grant("all", { roles: [`${ACCOUNT}*`], namespaces: ["shop"] });

/** The chart's values for an injector with this configuration. */
const valuesOf = (config: InjectorConfig): object => ({
  options: {
    image: config.image,
    imagePullPolicy: config.imagePullPolicy,
    source: config.source,
    sourceOverride: config.sourceOverride,
    guard: config.guard,
    egressHook: config.egressHook,
    guardNetRaw: config.guardNetRaw,
    guardContainer: config.guardContainer,
    meshInitImages: config.meshInitImages,
    hostNetwork: config.hostNetwork,
    stsEndpoint: config.stsEndpoint,
    stsFips: config.stsFips,
    stsDualStack: config.stsDualStack,
    stsCa: config.stsCa,
    stsProxy: config.stsProxy,
    stsNoProxy: config.stsNoProxy,
    stsProxySecret: config.stsProxySecret,
    ambientSecret: config.ambientSecret,
    brokerUrl: config.brokerUrl,
    brokerCa: config.brokerCa,
    block: config.block,
    imds: config.imds,
    imdsPort: config.imdsPort,
    credentialsPort: config.credentialsPort,
    healthPort: config.healthPort,
    imdsNodePaths: config.imdsNodePaths,
    token: config.token,
  },
});
