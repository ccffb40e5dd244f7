import { NAMESPACE_LABEL } from "../../../sidecar/contract/annotations.ts";
import { fieldsIn, nameOf, own, recordsIn, strings, type Fields } from "../../model/read.ts";
import type { CheckFacts } from "./facts.ts";
import { isEnforced } from "./policy.ts";
import { fail, judged, ok, skip, warn, type CheckCode, type CheckResult, type Results } from "./result.ts";
import { type LabelSelector, selects } from "../../model/label-selector.ts";

/** Those that decide about pods, new and running ones; the third only warns about workloads. */
const PODS = "pods.podrole.dev";
const RUNNING = "running.podrole.dev";
const APPLY = "Apply the MutatingWebhookConfiguration that podrole is shipped with.";
/** Every pod waits for it, for as long as this where the injector hangs. */
const LONG_SECONDS = 10;

const webhooksIn = (configuration: Fields): readonly Fields[] => recordsIn(configuration, "webhooks");

const titleOf = (webhook: Fields): string => String(own(webhook, "name"));

/** All webhooks of podrole's, whatever their configuration is called. */
export const oursIn = (configurations: readonly Fields[]): readonly Fields[] =>
  configurations.flatMap(webhooksIn).filter((one) => titleOf(one).endsWith(".podrole.dev"));

/** Judges both, and reports what is wrong with either. */
const judgePods = (
  code: CheckCode,
  { webhooks }: CheckFacts,
  judge: (webhook: Fields) => CheckResult,
): Results => {
  const none = skip(code, `there is no webhook ${PODS}`);
  return judged(code, webhooks, none, (all) => {
    const results = decidersIn(oursIn(all)).map(judge);
    const wrong = results.filter(({ status }) => status !== "ok");
    const different = wrong.filter(
      ({ message }, at) => wrong.findIndex((one) => one.message === message) === at,
    );
    return different.length > 0 ? different : [results[0] ?? none];
  });
};

const decidersIn = (webhooks: readonly Fields[]): readonly Fields[] =>
  webhooks.filter((one) => titleOf(one) === PODS || titleOf(one) === RUNNING);

export const webhookCheck = ({ webhooks }: CheckFacts): Results => {
  const code = "WEBHOOK";
  const absent = fail(
    code,
    `No MutatingWebhookConfiguration has a webhook ${PODS}: pods are made without guard and sidecar.`,
    APPLY,
  );
  return judged(code, webhooks, absent, (all) => {
    const holders = all.filter((one) => webhooksIn(one).some((webhook) => titleOf(webhook) === PODS));
    const [holder] = holders;
    if (holder === undefined) return [absent];
    const names = holders.map(nameOf);
    if (holders.length > 1) {
      const message = `Several configurations register it: ${names.join(", ")}.`;
      return warn(code, message, "Delete those that another installation has left.");
    }
    const deciders = decidersIn(webhooksIn(holder));
    const lacking = NEEDED.filter(
      ([operation, resource]) => !deciders.some((one) => rulesCover(one, operation, resource)),
    );
    if (lacking.length > 0) {
      const what = lacking.map(([operation, resource]) => `${operation} of ${resource}`).join(", ");
      return fail(code, `The webhook is not called for ${what}.`, APPLY);
    }
    return ok(code, `MutatingWebhookConfiguration ${names[0]} registers ${PODS}.`);
  });
};

const NEEDED = [
  ["CREATE", "pods"],
  ["UPDATE", "pods"],
  ["UPDATE", "pods/ephemeralcontainers"],
  ["UPDATE", "pods/resize"],
] as const;

const rulesCover = (webhook: Fields, operation: string, resource: string): boolean => {
  const has = (rule: Fields, key: string, value: string): boolean =>
    strings(own(rule, key)).some(
      (one) => one === value || one === "*" || (key === "resources" && one === "*/*"),
    );
  return recordsIn(webhook, "rules").some(
    (rule) =>
      has(rule, "operations", operation) &&
      has(rule, "resources", resource) &&
      strings(own(rule, "apiGroups")).some((group) => group === "" || group === "*"),
  );
};

export const failureCheck = (facts: CheckFacts): Results => {
  const code = "WEBHOOK_FAILURE";
  return judgePods(code, facts, (webhook) => {
    if (own(webhook, "failurePolicy") === "Fail") {
      return ok(code, "failurePolicy is Fail: without an injector, no pod of a labelled namespace is made.");
    }
    return isEnforced(facts)
      ? warn(
          code,
          "failurePolicy is Ignore: while the injector does not answer, pods are refused by the ValidatingAdmissionPolicy alone.",
          APPLY,
        )
      : fail(
          code,
          "failurePolicy is Ignore: while the injector does not answer, pods are made without guard and sidecar.",
          APPLY,
        );
  });
};

/** Namespaces as they may be, and whether their pods are to be sent to the webhook. */
const samplesFor = (home: string) =>
  [
    { name: "any", labelled: true, wanted: true, otherwise: "it is not called for labelled namespaces" },
    {
      name: "any",
      labelled: false,
      wanted: false,
      otherwise: "it is called for namespaces without the label, so that an outage stops all of the cluster",
    },
    {
      name: "kube-system",
      labelled: true,
      wanted: false,
      otherwise: "kube-system is not excluded, so that a label there could stop the control plane",
    },
    {
      name: home,
      labelled: true,
      wanted: false,
      otherwise: `its own namespace ${home} is not excluded, so that a label there could keep it from starting`,
    },
  ] as const;

export const scopeCheck = (facts: CheckFacts): Results => {
  const code = "WEBHOOK_SCOPE";
  return judgePods(code, facts, (webhook) => {
    const selector = fieldsIn(webhook, "namespaceSelector") as LabelSelector;
    const wrong = samplesFor(facts.podroleNamespace).filter(({ name, labelled, wanted }) => {
      const labels = {
        "kubernetes.io/metadata.name": name,
        ...(labelled ? { [NAMESPACE_LABEL.key]: NAMESPACE_LABEL.value } : {}),
      };
      return selects(selector, labels) !== wanted;
    });
    const narrowed = Object.values(fieldsIn(webhook, "objectSelector")).some(
      (part) => Object.keys(part as object).length > 0,
    );
    const problems = [
      ...wrong.map(({ otherwise }) => otherwise),
      ...(narrowed ? ["it has an objectSelector, by which a pod's author can do without it"] : []),
    ];
    return problems.length > 0
      ? fail(code, `The webhook's scope is wrong: ${problems.join("; ")}.`, APPLY)
      : ok(code, "It is called for every pod of labelled namespaces, and not for kube-system or its own.");
  });
};

export const settingsCheck = (facts: CheckFacts): Results => {
  const code = "WEBHOOK_SETTINGS";
  return judgePods(code, facts, (webhook) => {
    const seconds = own(webhook, "timeoutSeconds");
    const problems = [
      ...(own(webhook, "reinvocationPolicy") === "IfNeeded"
        ? []
        : [
            "reinvocationPolicy is not IfNeeded, so containers that later webhooks add get neither credentials nor restrictions",
          ]),
      ...(own(webhook, "matchPolicy") === "Exact" ? ["matchPolicy is Exact"] : []),
      ...(typeof seconds === "number" && seconds > LONG_SECONDS
        ? [`timeoutSeconds is ${seconds}, and every pod waits so long where the injector hangs`]
        : []),
    ];
    return problems.length > 0
      ? warn(code, `Different from what is shipped: ${problems.join("; ")}.`, APPLY)
      : ok(code, "Re-invocation, matching and time-out are as shipped.");
  });
};
