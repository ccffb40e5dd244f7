import type { GuardMode } from "../../../sidecar/contract/env.ts";
import type { FindingCode } from "../../model/findings.ts";
import type { Reading, Unread } from "./facts.ts";

export const STATUSES = ["ok", "warn", "fail", "skip"] as const;
export type Status = (typeof STATUSES)[number];

/** Every check, in the order of the report. The code is the contract; the reference page is made from this table. */
export const CHECKS = {
  API_SERVER: { group: "API server", about: "The API server answers." },
  KUBERNETES_VERSION: {
    group: "API server",
    about: "It supports native sidecars (1.29), and takes podrole's ValidatingAdmissionPolicies (1.31).",
  },
  CRD: {
    group: "API server",
    about: "The CRD RoleGrant is installed, with all fields that this version reads.",
  },
  INJECTOR: {
    group: "Injector",
    about: "All replicas of its Deployment are ready, and there are at least two.",
  },
  INJECTOR_VERSION: { group: "Injector", about: "The injector's image has the version of this `podrole`." },
  INJECTOR_OPTIONS: {
    group: "Injector",
    about: "The ConfigMap podrole-config exists, and its settings are valid.",
  },
  INJECTOR_SERVICE: { group: "Injector", about: "Its Service has ready endpoints." },
  DISRUPTION_BUDGET: { group: "Injector", about: "A drain evicts one replica at a time." },
  CONTROLLER: {
    group: "Controller",
    about: "It runs, so certificates are renewed and changed settings are accepted.",
  },
  BROKER: {
    group: "Broker",
    about:
      "All replicas of its Deployment are ready, and there are at least two. The checks of the broker are made where the settings use source broker.",
  },
  BROKER_SERVICE: { group: "Broker", about: "Its Service has ready endpoints." },
  BROKER_SETTINGS: {
    group: "Broker",
    about: "The setting brokerUrl is the Service's name, and brokerCa is set.",
  },
  BROKER_CERTIFICATE: {
    group: "Broker",
    about: "Its certificate is valid, is for the host of brokerUrl, and is signed by a CA of brokerCa.",
  },
  BROKER_PODS: {
    group: "Broker",
    about:
      "Every pod of source broker trusts the CA of that certificate, and of the next one if the CA was lost.",
  },
  BROKER_ACCESS: {
    group: "Broker",
    about: "Its service account may review tokens, get pods, and watch namespaces and RoleGrants.",
  },
  BROKER_IDENTITY: {
    group: "Broker",
    about: "Its replicas have one AWS identity, which the report names: roles have to trust it.",
  },
  BROKER_GRANTS: {
    group: "Broker",
    about: "In each namespace of source broker, some rule allows a role.",
  },
  WEBHOOK: { group: "Webhook", about: "The webhook is registered for pods, including ephemeral containers." },
  WEBHOOK_FAILURE: {
    group: "Webhook",
    about: "No pod of a labelled namespace is created while the injector does not answer.",
  },
  WEBHOOK_SCOPE: {
    group: "Webhook",
    about:
      "It is called for every pod of labelled namespaces, and for none of kube-system or podrole's namespace.",
  },
  WEBHOOK_SETTINGS: { group: "Webhook", about: "Re-invocation, matching and time-out are as in the chart." },
  CA_BUNDLE: {
    group: "Webhook",
    about: "The API server has a valid CA for the injector's certificate.",
  },
  CERTIFICATE: {
    group: "Webhook",
    about: "The injector's certificate is valid, names its Service, and is signed by that CA.",
  },
  POLICY: {
    group: "Admission policy",
    about: "The ValidatingAdmissionPolicies exist, and their expressions have no errors.",
  },
  POLICY_BINDING: { group: "Admission policy", about: "Each policy has a binding that denies." },
  NAMESPACES: {
    group: "Namespaces",
    about: "At least one namespace has the label, with the right value.",
  },
  NAMESPACE_SETTINGS: {
    group: "Namespaces",
    about: "Labels and annotations of those namespaces allow the guard.",
  },
  GUARD_MODES: {
    group: "Namespaces",
    about: "Each of those namespaces is named, with the mode of the guard that its pods get, and why.",
  },
  PODS_UNGUARDED: {
    group: "Namespaces",
    about: "Every running pod there that gets a guard has it.",
  },
  DRY_RUN: {
    group: "Admission",
    about:
      "A pod created as a dry run comes back with guard and sidecar, in this order. It is tried once for each mode of the guard.",
  },
  DRY_RUN_DENIED: { group: "Admission", about: "A pod that adds NET_ADMIN is denied." },
  PROBE: {
    group: "Nodes",
    about:
      "Only with `--probe`: a pod on a node of each pool can have no token and no credentials from the metadata service, so pods in mode verify start there. A pool that could not be tried fails too.",
  },
} as const;
export type CheckCode = keyof typeof CHECKS;

/** What the guard of mode verify says of a node. `unproven`: it could not tell. `untried`: it did not run. */
export type PoolVerdict = "held" | "reachable" | "unproven" | "untried";

/** Of one pool of nodes, for `--output json`. */
export interface PoolResult {
  readonly pool: string;
  /** The one that was tried. */
  readonly node: string;
  /** How many of the pool are ready and take pods. */
  readonly nodes: number;
  readonly verdict: PoolVerdict;
}

export interface CheckResult {
  readonly code: CheckCode;
  readonly status: Status;
  /** One sentence. */
  readonly message: string;
  /** What to do, where something is wrong. */
  readonly remedy?: string;
  /** What a pod would be told of the same. */
  readonly finding?: FindingCode;
  /** Of `GUARD_MODES`. */
  readonly guard?: GuardMode | "off";
  /** Of `BROKER_IDENTITY`: whom roles have to trust. */
  readonly principal?: string;
  /** Of a skipped check: the API server does not let the kubeconfig's user read what it needs. */
  readonly refused?: true;
  /** All that the message is about; it may name the first ones only. */
  readonly namespaces?: readonly string[];
  /** Of `PROBE`. */
  readonly pools?: readonly PoolResult[];
}

/** What a check finds: one thing, or several. */
export type Results = CheckResult | readonly CheckResult[];

export const ok = (code: CheckCode, message: string): CheckResult => ({ code, status: "ok", message });
export const warn = (code: CheckCode, message: string, remedy: string): CheckResult => ({
  code,
  status: "warn",
  message,
  remedy,
});
export const fail = (code: CheckCode, message: string, remedy: string): CheckResult => ({
  code,
  status: "fail",
  message,
  remedy,
});
export const skip = (code: CheckCode, why: string): CheckResult => ({
  code,
  status: "skip",
  message: `Not checked: ${why.replace(/\.$/, "")}.`,
});

/** For what could not be read. */
export const unjudged = (code: CheckCode, { why, refused }: Unread): CheckResult => ({
  ...skip(code, why),
  ...(refused && { refused }),
});

/** Judges what was found; says why where nothing was read. */
export function judged<T>(
  code: CheckCode,
  reading: Reading<T>,
  absent: CheckResult,
  judge: (value: T) => Results,
): Results {
  switch (reading.kind) {
    case "found":
      return judge(reading.value);
    case "absent":
      return absent;
    case "unread":
      return unjudged(code, reading);
  }
}

/** Whether anything of the installation was judged: not where the API server does not answer, or lets its user read nothing. */
export const isJudged = (results: readonly CheckResult[]): boolean =>
  results.some(({ code, status }) => status !== "skip" && CHECKS[code].group !== "API server");

/** Names in a sentence, of a list that may be long. */
export function listed(names: readonly string[], most = 10): string {
  const more = names.length - most;
  return more > 0 ? `${names.slice(0, most).join(", ")} and ${more} more` : names.join(", ");
}
