import { existsSync, readdirSync, readFileSync } from "node:fs";
import { parse, parseAllDocuments } from "yaml";
import { isRecord, own } from "../../../injector/model/read.ts";

/** What the tree has that a page can name. */

const at = (path: string): URL => new URL(`../../../${path}`, import.meta.url);

export const textOf = (path: string): string => readFileSync(at(path), "utf8");
export const isThere = (path: string): boolean => existsSync(at(path));

/** The pages that people read: README.md and what is in deploy/. */
export const PAGES: readonly string[] = [
  "README.md",
  ...readdirSync(at("deploy"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => `deploy/${file}`),
].toSorted();

const manifest = JSON.parse(textOf("package.json")) as { readonly scripts: Readonly<Record<string, string>> };
export const SCRIPTS: ReadonlySet<string> = new Set(Object.keys(manifest.scripts));

const record = (value: unknown): Readonly<Record<string, unknown>> => (isRecord(value) ? value : {});

const VALUES = record(parse(textOf("deploy/chart/values.yaml")));
export const VALUE_GROUPS: ReadonlySet<string> = new Set(Object.keys(VALUES));

/** Whether the chart has a value of this path, such as `tls.mode`. Whatever lies below a map that is empty is the user's. */
export function hasValue(path: string): boolean {
  let value: unknown = VALUES;
  for (const name of path.split(".")) {
    if (isRecord(value) && value !== VALUES && Object.keys(value).length === 0) return true;
    if (!isRecord(value) || !Object.hasOwn(value, name)) return false;
    value = own(value, name);
  }
  return true;
}

interface Named {
  readonly kind: string;
  readonly name: string;
  /** Undefined for what is the cluster's. */
  readonly namespace: string | undefined;
}

const namedIn = (path: string): readonly Named[] =>
  parseAllDocuments(textOf(path)).flatMap((document) => {
    const object = record(document.toJS());
    const { name, namespace } = record(object["metadata"]);
    const { kind } = object;
    return typeof kind === "string" && typeof name === "string"
      ? [{ kind, name, namespace: typeof namespace === "string" ? namespace : undefined }]
      : [];
  });

/** The Secret is the injector's own, so no manifest has it; the Certificate is there in `tls.mode` cert-manager. */
const OTHERS: readonly Named[] = [
  { kind: "Secret", name: "podrole-injector-tls", namespace: "podrole-system" },
  { kind: "Certificate", name: "podrole-injector", namespace: "podrole-system" },
];

/** What the installation and the examples make. */
export const OBJECTS: readonly Named[] = [
  ...namedIn("deploy/install.yaml"),
  ...OTHERS,
  ...readdirSync(at("deploy/examples"))
    .filter((file) => file.endsWith(".yaml"))
    .flatMap((file) => namedIn(`deploy/examples/${file}`)),
];

/** Names of kinds as kubectl takes them; those of RoleGrant are the CRD's. */
const grants = record(record(record(parse(textOf("deploy/crd/rolegrants.yaml")))["spec"])["names"]);
export const KINDS: ReadonlyMap<string, string> = new Map(
  [
    ["Namespace", "namespaces", "namespace", "ns"],
    ["Pod", "pods", "pod", "po"],
    ["Deployment", "deployments", "deployment", "deploy"],
    ["ReplicaSet", "replicasets", "replicaset", "rs"],
    ["DaemonSet", "daemonsets", "daemonset", "ds"],
    ["StatefulSet", "statefulsets", "statefulset"],
    ["Job", "jobs", "job"],
    ["CronJob", "cronjobs", "cronjob"],
    ["ServiceAccount", "serviceaccounts", "serviceaccount", "sa"],
    ["Secret", "secrets", "secret"],
    ["ConfigMap", "configmaps", "configmap", "cm"],
    ["Service", "services", "service", "svc"],
    ["EndpointSlice", "endpointslices", "endpointslice"],
    ["Event", "events", "event"],
    ["Node", "nodes", "node"],
    ["Certificate", "certificates", "certificate"],
    ["PodDisruptionBudget", "poddisruptionbudgets", "poddisruptionbudget", "pdb"],
    ["MutatingWebhookConfiguration", "mutatingwebhookconfigurations", "mutatingwebhookconfiguration"],
    ["ValidatingAdmissionPolicy", "validatingadmissionpolicies", "validatingadmissionpolicy"],
    [
      "ValidatingAdmissionPolicyBinding",
      "validatingadmissionpolicybindings",
      "validatingadmissionpolicybinding",
    ],
    ["ClusterRole", "clusterroles", "clusterrole"],
    ["ClusterRoleBinding", "clusterrolebindings", "clusterrolebinding"],
    ["CustomResourceDefinition", "customresourcedefinitions", "customresourcedefinition", "crd"],
    [
      String(grants["kind"]),
      String(grants["plural"]),
      String(grants["singular"]),
      ...(grants["shortNames"] as readonly string[]),
    ],
  ].flatMap(([kind = "", ...names]) => names.map((name): [string, string] => [name, kind])),
);
