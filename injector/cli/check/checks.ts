import { dryRunCheck, dryRunDeniedCheck } from "./admission.ts";
import { brokerAccessCheck, brokerCheck, brokerServiceCheck, brokerSettingsCheck } from "./broker/checks.ts";
import { brokerCertificateCheck, brokerPodsCheck } from "./broker/certificate.ts";
import { brokerGrantsCheck } from "./broker/grants.ts";
import { brokerIdentityCheck } from "./broker/identity.ts";
import { controllerCheck } from "./controller.ts";
import { bundleCheck, certificateCheck } from "./certificates.ts";
import type { CheckFacts } from "./facts.ts";
import { guardModesCheck } from "./guard-modes.ts";
import { budgetCheck, injectorCheck, injectorVersionCheck, optionsCheck, serviceCheck } from "./injector.ts";
import { namespaceSettingsCheck, namespacesCheck, unguardedCheck } from "./namespaces.ts";
import { bindingCheck, policyCheck } from "./policy.ts";
import type { CheckCode, CheckResult, Results } from "./result.ts";
import { apiServerCheck, crdCheck, versionCheck } from "./server.ts";
import { failureCheck, scopeCheck, settingsCheck, webhookCheck } from "./webhook.ts";

/** Each a pure function of the facts; a probe is one of effects (probe/). One may have several things to say; those of the broker have none where nobody uses it. */
const JUDGES: Readonly<Record<Exclude<CheckCode, "PROBE">, (facts: CheckFacts) => Results>> = {
  API_SERVER: apiServerCheck,
  KUBERNETES_VERSION: versionCheck,
  CRD: crdCheck,
  INJECTOR: injectorCheck,
  INJECTOR_VERSION: injectorVersionCheck,
  INJECTOR_OPTIONS: optionsCheck,
  INJECTOR_SERVICE: serviceCheck,
  DISRUPTION_BUDGET: budgetCheck,
  CONTROLLER: controllerCheck,
  BROKER: brokerCheck,
  BROKER_SERVICE: brokerServiceCheck,
  BROKER_SETTINGS: brokerSettingsCheck,
  BROKER_CERTIFICATE: brokerCertificateCheck,
  BROKER_PODS: brokerPodsCheck,
  BROKER_ACCESS: brokerAccessCheck,
  BROKER_IDENTITY: brokerIdentityCheck,
  BROKER_GRANTS: brokerGrantsCheck,
  WEBHOOK: webhookCheck,
  WEBHOOK_FAILURE: failureCheck,
  WEBHOOK_SCOPE: scopeCheck,
  WEBHOOK_SETTINGS: settingsCheck,
  CA_BUNDLE: bundleCheck,
  CERTIFICATE: certificateCheck,
  POLICY: policyCheck,
  POLICY_BINDING: bindingCheck,
  NAMESPACES: namespacesCheck,
  NAMESPACE_SETTINGS: namespaceSettingsCheck,
  GUARD_MODES: guardModesCheck,
  PODS_UNGUARDED: unguardedCheck,
  DRY_RUN: dryRunCheck,
  DRY_RUN_DENIED: dryRunDeniedCheck,
};

/** All checks, in the order of the report. Pure. */
export const check = (facts: CheckFacts): readonly CheckResult[] =>
  Object.values(JUDGES).flatMap((judge) => judge(facts));

/** Whether nothing is broken. What only could be better is no reason to wait for it. */
export const isHealthy = (results: readonly CheckResult[]): boolean =>
  results.every(({ status }) => status !== "fail");
