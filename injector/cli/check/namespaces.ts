import { NAMESPACE_LABEL } from "../../../sidecar/contract/annotations.ts";
import { excludedNamespaces } from "../../model/excluded-namespaces.ts";
import { isLabelled, type Facts } from "../../model/facts.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { decide } from "../../decide/decide.ts";
import { whyNeverInjected } from "../../decide/pod-kinds.ts";
import { guardMode } from "../../model/guard-mode.ts";
import type { Finding } from "../../model/findings.ts";
import { isGuarding } from "../../model/own-form.ts";
import { fieldsIn, metadataOf, nameOf, own, recordsIn, type Fields } from "../../model/read.ts";
import { PODS_MAX, type CheckFacts, type PodsIn } from "./facts.ts";
import { verifyOrPrivileged } from "./level-remedies.ts";
import { judged, listed, ok, skip, warn, type CheckCode, type CheckResult, type Results } from "./result.ts";
import { straysOnNamespace } from "../../decide/strays-around.ts";
import { namespaceSettings } from "../../decide/namespace-settings.ts";
import { intendResources } from "../../decide/resources/own-resources.ts";

const LABEL = `${NAMESPACE_LABEL.key}=${NAMESPACE_LABEL.value}`;

/** Whose pods are sent to the webhook. */
export const underPodrole = (all: readonly Facts[], podroleNamespace: string): readonly Facts[] =>
  all.filter((one) => isLabelled(one) && !excludedNamespaces(podroleNamespace).includes(one.namespace.name));

export const namespacesCheck = ({ namespaces, podroleNamespace }: CheckFacts): Results => {
  const code = "NAMESPACES";
  const absent = skip(code, "there are no namespaces");
  return judged(code, namespaces, absent, (all) => {
    const ours = underPodrole(all, podroleNamespace);
    const excluded = all
      .filter((one) => isLabelled(one) && !ours.includes(one))
      .map(({ namespace }) => namespace.name);
    const misspelled = all
      .filter((one) => !isLabelled(one))
      .map(({ namespace }) => `${namespace.name} (${namespace.labels[NAMESPACE_LABEL.key]})`);
    return [
      ours.length === 0
        ? warn(code, "No namespace is under podrole.", `kubectl label namespace NAME ${LABEL}.`)
        : ok(
            code,
            `${ours.length === 1 ? "1 namespace is" : `${ours.length} namespaces are`} under podrole.`,
          ),
      ...(misspelled.length === 0
        ? []
        : [
            warn(
              code,
              `The label ${NAMESPACE_LABEL.key} has no effect, since its value is not ${NAMESPACE_LABEL.value}, on ${listed(misspelled)}.`,
              `kubectl label --overwrite namespace NAME ${LABEL}, or remove the label.`,
            ),
          ]),
      ...(excluded.length === 0
        ? []
        : [
            warn(
              code,
              `The label has no effect on ${listed(excluded)}: the webhook is not called for it.`,
              "Remove the label there.",
            ),
          ]),
    ];
  });
};

/** A pod that holds nothing that could be found fault with. */
export const PLAIN = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: {},
  spec: { containers: [{ name: "app", image: "app" }] },
};

/** What every pod of a namespace would be told, whatever is in it. */
function settingsOf(facts: Facts, config: InjectorConfig): readonly Finding[] {
  const strays = straysOnNamespace(facts, config).map(({ finding }) => finding);
  const messages = new Set(strays.map(({ message }) => message));
  const others = decide(PLAIN, facts, config).findings.filter(
    ({ code, message }) => code !== "LIMIT_RANGE_TOO_TIGHT" && !messages.has(message),
  );
  return [...others, ...resourcesOf(facts, config), ...strays];
}

/** With a sidecar too: a pod with a role needs more than one without. */
const resourcesOf = (facts: Facts, config: InjectorConfig): readonly Finding[] =>
  intendResources({
    pod: PLAIN,
    facts,
    config,
    presence: { guard: namespaceSettings(facts, config).guard, sidecar: true },
  }).findings;

export const namespaceSettingsCheck = ({ namespaces, config, podroleNamespace }: CheckFacts): Results => {
  const code = "NAMESPACE_SETTINGS";
  return judged(code, namespaces, skip(code, "there are no namespaces"), (all) => {
    const ours = underPodrole(all, podroleNamespace);
    if (ours.length === 0) return skip(code, "no namespace is under podrole");
    const results = ours.flatMap((facts) =>
      settingsOf(facts, config).map(({ code: finding, severity, message, remedy }): CheckResult => ({
        code,
        status: severity === "deny" ? "fail" : "warn",
        message: `${facts.namespace.name}: [${finding}] ${message}`,
        remedy: finding === "BLOCK_NEEDS_PRIVILEGED" ? verifyOrPrivileged(facts.namespace.name) : remedy,
        finding,
      })),
    );
    return results.length > 0
      ? results
      : ok(code, "None of their labels and annotations keeps guard or sidecar out.");
  });
};

export const unguardedCheck = ({ namespaces, pods, config }: CheckFacts): Results => {
  const code = "PODS_UNGUARDED";
  const none = skip(code, "no namespace is under podrole");
  return judged(code, namespaces, none, (known) =>
    judged(code, pods, none, (all) => {
      if (all.length === 0) return none;
      const modes = new Map(known.map((one) => [one.namespace.name, guardMode(one, config) ?? "off"]));
      const off = all.flatMap(({ namespace }) => (modes.get(namespace) === "off" ? [namespace] : []));
      const guarded = all.filter(({ namespace }) => !off.includes(namespace));
      const results = [
        ...guarded.flatMap((one) => unguardedIn(code, one)),
        ...(off.length === 0 ? [] : [skip(code, `the guard is off for the pods of ${listed(off)}`)]),
      ];
      if (results.some(({ status }) => status === "warn") || guarded.length === 0) return results;
      return [...results, ok(code, `Every ${results.length === 0 ? "" : "other "}pod there has its guard.`)];
    }),
  );
};

function unguardedIn(code: CheckCode, { namespace, pods }: PodsIn): Results {
  return judged(code, pods, skip(code, "there are no pods"), (found) => {
    const without = found.filter(isRunningUnguarded);
    const names = without.filter((pod) => whyNeverInjected(pod) === undefined).map(nameOf);
    const others = without.flatMap((pod) => {
      const why = whyNeverInjected(pod);
      return why === undefined ? [] : [`${nameOf(pod)} (${why})`];
    });
    const some = names.length === 1 ? "A pod runs" : `${names.length} pods run`;
    return [
      ...(names.length === 0
        ? []
        : [
            warn(
              code,
              `${some} in ${namespace} without a guard, and can read the node's role: ${listed(names)}.`,
              `They were created before the label, or while the webhook was missing. Restart their owners: kubectl -n ${namespace} rollout restart deployment,statefulset,daemonset.`,
            ),
          ]),
      ...(others.length === 0
        ? []
        : [skip(code, `some pods of ${namespace} can have no guard: ${listed(others)}`)]),
      ...(found.length < PODS_MAX
        ? []
        : [skip(code, `more than the first ${PODS_MAX} pods of ${namespace}`)]),
    ];
  });
}

/** Of pods that run or will. */
function isRunningUnguarded(pod: Fields): boolean {
  const phase = own(fieldsIn(pod, "status"), "phase");
  if (phase === "Succeeded" || phase === "Failed") return false;
  if (own(metadataOf(pod), "deletionTimestamp") != null) return false;
  return (
    whyNeverInjected(pod) !== undefined ||
    !recordsIn(fieldsIn(pod, "spec"), "initContainers").some(isGuarding)
  );
}
