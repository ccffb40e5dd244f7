import { X509Certificate } from "node:crypto";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import { certificateAuthority, validFor } from "../../injector/tls/certificates.ts";
import type { FindingCode } from "../../injector/model/findings.ts";
import { config } from "../support/config.ts";
import type { Feature } from "./api-version.ts";
import type { KubeObject } from "./kube-client.ts";

/** An installation and a namespace's annotations that an attack is tried in. */
export interface AttackSetting {
  readonly config: InjectorConfig;
  readonly annotations: Readonly<Record<string, string>>;
  /** Labels of the namespace. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Annotations of the pod. */
  readonly pod?: Readonly<Record<string, string>>;
}

/** A value of `stsCa` after parsing. */
export const certificate = async (): Promise<string> =>
  new X509Certificate((await certificateAuthority("sts", validFor(1, Date.now()))).cert).toString();
export const EMULATE = { "podrole.dev/imds": "emulate" };
export const V1 = { "podrole.dev/imds-v1": "allowed" };

export const SETTINGS = {
  plain: { config: config(), annotations: {} },
  node: { config: config({ source: "node" }), annotations: {} },
  ambient: { config: config({ source: "ambient", ambientSecret: "identity" }), annotations: {} },
  broker: {
    config: config({
      source: "broker",
      brokerUrl: "https://podrole-broker.podrole-system.svc",
      brokerCa: (await certificate()) + (await certificate()),
    }),
    annotations: {},
  },
  brokerChosen: {
    config: config({
      sourceOverride: ["broker"],
      brokerUrl: "https://broker.example:8443",
      brokerCa: await certificate(),
      guardContainer: "sidecar",
      imds: "allow-emulate",
      stsCa: await certificate(),
      stsProxy: "http://proxy.example",
    }),
    annotations: { "podrole.dev/source": "broker", ...EMULATE },
  },
  overridden: {
    config: config({ sourceOverride: ["node"] }),
    annotations: { "podrole.dev/source": "node" },
  },
  off: { config: config({ guard: "off" }), annotations: {} },
  verify: { config: config({ guard: "verify", block: ["169.254.169.254", "192.0.2.1"] }), annotations: {} },
  /** Where `auto` is mode verify. */
  restricted: {
    config: config({ imds: "allow-emulate", guardNetRaw: true, guardContainer: "sidecar" }),
    annotations: {},
    labels: { "pod-security.kubernetes.io/enforce": "restricted" },
  },
  proxied: {
    config: config({
      stsProxy: "https://proxy.example:3128",
      stsProxySecret: "sts-proxy",
      stsNoProxy: ["sts.eu-west-1.amazonaws.com", "us-east-1.amazonaws.com", ".vpce.amazonaws.com"],
    }),
    annotations: {},
  },
  exempt: {
    config: config({
      stsProxy: "http://proxy.example:3128",
      stsEndpoint: "https://vpce-1.sts.vpce.amazonaws.com:8443",
      stsNoProxy: ["a.example", ".vpce.amazonaws.com"],
    }),
    annotations: {},
  },
  audience: { config: config({ tokenAudience: "amazonaws.com" }), annotations: {} },
  /** Every setting that adds something to guard and sidecar. */
  full: {
    config: config({
      egressHook: "require",
      guardNetRaw: true,
      credentialsPort: 7001,
      healthPort: 7002,
      stsFips: true,
      stsDualStack: true,
      stsCa: (await certificate()) + (await certificate()),
    }),
    annotations: {},
  },
  endpoint: { config: config({ stsEndpoint: "http://[fd00::7]:4566" }), annotations: {} },
  /** Regions whose endpoints are in other domains, and in domains that begin like others. */
  china: { config: config({ region: "cn-north-1" }), annotations: {} },
  isob: { config: config({ region: "us-isob-east-1", stsDualStack: true }), annotations: {} },
  gov: { config: config({ region: "us-gov-east-1", stsFips: true }), annotations: {} },
  govDual: {
    config: config({ region: "us-gov-east-1", stsFips: true, stsDualStack: true }),
    annotations: {},
  },
  together: { config: config({ guardContainer: "sidecar" }), annotations: {} },
  togetherNode: {
    config: config({
      guardContainer: "sidecar",
      source: "node",
      imds: "allow-emulate",
      guardNetRaw: true,
      stsProxy: "http://proxy.example",
      stsProxySecret: "sts-proxy",
    }),
    annotations: {},
    pod: EMULATE,
  },
  emulated: { config: config({ imds: "allow-emulate" }), annotations: {}, pod: EMULATE },
  unasked: { config: config({ imds: "allow-emulate-v1" }), annotations: {} },
  tokenless: {
    config: config({ imds: "allow-emulate-v1", imdsPort: 8169 }),
    annotations: { ...EMULATE, ...V1 },
  },
  forbidden: {
    config: config({ imds: "allow-emulate-v1" }),
    annotations: { "podrole.dev/imds": "block", "podrole.dev/imds-v1": "denied" },
  },
  emulatedNode: {
    config: config({ source: "node", imds: "allow-emulate", imdsNodePaths: ["meta-data/instance-id"] }),
    annotations: {},
    pod: EMULATE,
  },
  tokenFile: { config: config({ token: "file" }), annotations: {} },
  tokenVariable: { config: config({ token: "env" }), annotations: {} },
  identities: {
    config: config(),
    annotations: {},
    pod: { "podrole.dev/role.app": "arn:aws:iam::111122223333:role/billing-writer" },
  },
} as const satisfies Record<string, AttackSetting>;

export interface Attack {
  readonly title: string;
  readonly code: FindingCode;
  /** Changes a pod that the webhook has patched. */
  readonly change: (pod: KubeObject) => void;
  readonly setting?: keyof typeof SETTINGS;
  /** Whether the pod has a role. Default: true. */
  readonly sidecar?: boolean;
  /** What the API server has to have, or it drops the field before a policy sees it. */
  readonly needs?: Feature;
}

export const guard = (pod: KubeObject): KubeObject => pod.spec.initContainers[0];
export const sidecar = (pod: KubeObject): KubeObject => pod.spec.initContainers[1];
export const app = (pod: KubeObject): KubeObject => pod.spec.containers[0];

export const attack = (
  title: string,
  code: FindingCode,
  change: (pod: KubeObject) => void,
  over: Pick<Attack, "setting" | "sidecar" | "needs"> = {},
): Attack => ({ title, code, change, ...over });

/** Without the volumes and mounts of tokens. */
export function withoutVolumes(pod: KubeObject): void {
  pod.spec.volumes = pod.spec.volumes.filter(({ name }: { name: string }) => name === "podrole-no-api-token");
  for (const container of pod.spec.containers) delete container.volumeMounts;
}

export const dropping =
  (drop: readonly string[], add: readonly string[] = []) =>
  (pod: KubeObject): void => {
    app(pod).securityContext.capabilities = { drop, ...(add.length > 0 ? { add } : {}) };
  };
export const withInit =
  (container: object) =>
  (pod: KubeObject): void => {
    pod.spec.initContainers.push({
      name: "init",
      image: "shop/init:1",
      securityContext: { capabilities: { drop: ["NET_RAW"] } },
      ...container,
    });
  };

export const variable = (container: KubeObject, name: string): KubeObject =>
  container.env?.find((one: { name: string }) => one.name === name);

/** Sets a variable, which the injector may have left out since it has its default. */
export function set(container: KubeObject, name: string, value: string): void {
  const present = variable(container, name);
  if (present === undefined) container.env = [...(container.env ?? []), { name, value }];
  else present.value = value;
}
export const valueOf =
  (name: string, value: string) =>
  (pod: KubeObject): void =>
    set(sidecar(pod), name, value);
export const guardValueOf =
  (name: string, value: string) =>
  (pod: KubeObject): void =>
    set(guard(pod), name, value);

/** A value that the pod's author writes into an annotation. */
export const ofAnnotation = { fieldRef: { fieldPath: "metadata.annotations['a']" } };

/** The sidecar gets a variable's value from elsewhere. */
export const from =
  (name: string, valueFrom: object) =>
  (pod: KubeObject): void => {
    const one = variable(sidecar(pod), name);
    delete one.value;
    one.valueFrom = valueFrom;
  };

export const without =
  (name: string) =>
  (pod: KubeObject): void => {
    sidecar(pod).env = sidecar(pod).env.filter((one: { name: string }) => one.name !== name);
  };

/** The sidecar gets one more variable, of whatever name. */
export const also =
  (entry: object) =>
  (pod: KubeObject): void => {
    sidecar(pod).env.push(entry);
  };
