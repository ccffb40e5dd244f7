import { fieldsIn, nameOf, own, recordsIn, strings, type Fields } from "../../model/read.ts";
import type { CheckFacts } from "./facts.ts";
import { fail, judged, listed, ok, skip, unjudged, warn, type Results } from "./result.ts";

const APPLY =
  "Apply the ValidatingAdmissionPolicy and the binding of podrole's chart (admissionPolicy.enabled), or those of deploy/install.yaml.";
const NONE =
  "There is no ValidatingAdmissionPolicy of podrole's: only the webhook keeps pods from running without a guard, and nothing checks what other webhooks change after it.";

/** Only the chart knows the keys that it is to freeze. Without the broker there is no such policy. */
const ANNOTATIONS = "podrole-annotations";

const oursIn = (policies: readonly Fields[]): readonly Fields[] =>
  policies.filter((one) => nameOf(one).startsWith("podrole"));

/** Keys that the settings have now and that this policy's text does not contain. */
const unfrozen = (policy: Fields, { config, configProblem }: CheckFacts): readonly string[] =>
  nameOf(policy) !== ANNOTATIONS || configProblem !== undefined
    ? []
    : [config.keys.externalId, config.keys.peerSessionName].filter(
        (key) => !JSON.stringify(own(policy, "spec")).includes(`'${key}'`),
      );

export const policyCheck = (facts: CheckFacts): Results => {
  const { policies } = facts;
  const code = "POLICY";
  // An API server that knows no such kind is told of by its version.
  const unknown = warn(code, NONE, "Upgrade the cluster to Kubernetes 1.31 or newer.");
  return judged(code, policies, unknown, (all) => {
    const ours = oursIn(all);
    if (ours.length === 0) return fail(code, NONE, APPLY);
    return ours.map((policy) => {
      const name = nameOf(policy);
      const checked = fieldsIn(fieldsIn(policy, "status"), "typeChecking");
      const said = recordsIn(checked, "expressionWarnings").map(
        (one) => `${String(own(one, "fieldRef"))}: ${String(own(one, "warning")).split("\n")[0]}`,
      );
      if (said.length > 0) {
        return warn(code, `The API server warns about expressions of ${name}: ${listed(said, 3)}.`, APPLY);
      }
      const missing = unfrozen(policy, facts);
      if (missing.length > 0) {
        return warn(
          code,
          `${name} does not know the settings' keys ${missing.join(", ")}: the status of a running pod may change these annotations, and with them the sessions that the broker makes.`,
          "Set externalIdKey and sessionNameKey by helm upgrade, which writes them into this policy as well.",
        );
      }
      if (own(fieldsIn(policy, "spec"), "failurePolicy") === "Ignore") {
        return fail(
          code,
          `${name} has failurePolicy Ignore: an expression that fails lets the pod in.`,
          APPLY,
        );
      }
      return ok(code, `ValidatingAdmissionPolicy ${name} is installed.`);
    });
  });
};

export const bindingCheck = ({ policies, bindings }: CheckFacts): Results => {
  const code = "POLICY_BINDING";
  if (policies.kind === "unread") return unjudged(code, policies);
  const ours = policies.kind === "found" ? oursIn(policies.value).map(nameOf) : [];
  if (ours.length === 0) return skip(code, "there is no policy of podrole's to be bound");
  return judged(code, bindings, fail(code, `${ours.join(", ")} is not bound.`, APPLY), (all) =>
    ours.map((policy) => {
      const bound = all.filter((one) => own(fieldsIn(one, "spec"), "policyName") === policy);
      if (bound.length === 0) return fail(code, `${policy} is not bound, so it checks no pod.`, APPLY);
      const denying = bound.filter((one) =>
        strings(own(fieldsIn(one, "spec"), "validationActions")).includes("Deny"),
      );
      if (denying.length > 0)
        return ok(code, `${policy} is bound by ${denying.map(nameOf).join(", ")}, and denies.`);
      return fail(
        code,
        `${policy} is bound, but denies nothing.`,
        "Add Deny to the binding's validationActions.",
      );
    }),
  );
};

/** Whether the API server itself denies what is not guarded. */
export const isEnforced = (facts: CheckFacts): boolean =>
  [policyCheck(facts), bindingCheck(facts)].flat().every(({ status }) => status === "ok");
