import type { FindingCode } from "../../model/findings.ts";
import type { Reading } from "./facts.ts";

export const STATUSES = ["ok", "warn", "fail", "skip"] as const;
export type Status = (typeof STATUSES)[number];

/** Every check, in the order of the report. The code is the contract; the reference page is made from this table. */
export const CHECKS = {
  API_SERVER: { group: "API server", about: "The API server answers." },
  KUBERNETES_VERSION: {
    group: "API server",
    about: "It supports native sidecars (1.29) and ValidatingAdmissionPolicy (1.30).",
  },
  CRD: { group: "API server", about: "RoleGrant is installed, with all fields that this version reads." },
  INJECTOR: { group: "Injector", about: "Its Deployment has all replicas ready, and two of them." },
  INJECTOR_VERSION: { group: "Injector", about: "The injector's image is of this version." },
  INJECTOR_OPTIONS: { group: "Injector", about: "This version takes the injector's options as they are." },
  INJECTOR_SERVICE: { group: "Injector", about: "Its Service has ready endpoints." },
  DISRUPTION_BUDGET: { group: "Injector", about: "A drain takes one replica at a time." },
  CONTROLLER: {
    group: "Controller",
    about: "It runs, so that certificates are renewed and changed settings are accepted.",
  },
  WEBHOOK: { group: "Webhook", about: "The webhook is registered for pods, ephemeral containers included." },
  WEBHOOK_FAILURE: { group: "Webhook", about: "No pod is created while the injector does not answer." },
  WEBHOOK_SCOPE: {
    group: "Webhook",
    about: "It sees every pod of labelled namespaces, and none of kube-system or its own.",
  },
  WEBHOOK_SETTINGS: { group: "Webhook", about: "Re-invocation, matching and time-out are as shipped." },
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
    about: "The ValidatingAdmissionPolicy is there and its expressions have no problem.",
  },
  POLICY_BINDING: { group: "Admission policy", about: "It is bound, and its binding denies." },
  NAMESPACES: {
    group: "Namespaces",
    about: "At least one namespace has the label, with the right value.",
  },
  NAMESPACE_SETTINGS: {
    group: "Namespaces",
    about: "Labels and annotations of those namespaces let pods be guarded.",
  },
  PODS_UNGUARDED: { group: "Namespaces", about: "No pod that runs there was created before the label." },
  DRY_RUN: {
    group: "Admission",
    about: "A pod created as a dry run comes back with guard and sidecar, in this order.",
  },
  DRY_RUN_DENIED: { group: "Admission", about: "A pod that adds NET_ADMIN is denied." },
} as const;
export type CheckCode = keyof typeof CHECKS;

export interface CheckResult {
  readonly code: CheckCode;
  readonly status: Status;
  /** One sentence. */
  readonly message: string;
  /** What to do, where something is wrong. */
  readonly remedy?: string;
  /** What a pod would be told of the same. */
  readonly finding?: FindingCode;
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
      return skip(code, reading.why);
  }
}

/** Names in a sentence, of a list that may be long. */
export function listed(names: readonly string[], most = 10): string {
  const more = names.length - most;
  return more > 0 ? `${names.slice(0, most).join(", ")} and ${more} more` : names.join(", ");
}
