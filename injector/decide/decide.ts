import type { InjectorConfig } from "../config/installation.ts";
import { type Requester, asksForWindows, isMirror, windowsFindings } from "./pod-kinds.ts";
import { type Observe, type Trace, observing } from "./trace.ts";
import type { PodDecision, SkipReason } from "./intent.ts";
import type { GuardMode } from "../../sidecar/contract/env.ts";
import { podProblem } from "../model/pod-shape.ts";
import { finding, denies, type Finding } from "../model/findings.ts";
import { allContainers, type Container, type Pod } from "../model/pod.ts";
import { isLabelled, type Facts } from "../model/facts.ts";
import { straysAround } from "./strays-around.ts";
import { namespaceSettings, sourceFindings } from "./namespace-settings.ts";
import { requestedRoles } from "./requested-roles.ts";
import { intendSidecar } from "./sidecar-intent.ts";
import { intendImds } from "./imds.ts";
import { intendMesh } from "./mesh.ts";
import { hasOpenUid } from "./presence.ts";
import { eavesdropping, notSeparated } from "./separation.ts";
import { hazards, usersOf } from "./hazards.ts";
import { intendResources } from "./resources/own-resources.ts";
import { baselineFindings, judgeBaseline } from "./baseline/baseline.ts";
import { ELSEWHERE, type Subject } from "./baseline/control.ts";
import { meshTrust } from "./baseline/mesh-init.ts";
import { exemptionsOf } from "./baseline/exemptions.ts";

/**
 * One decision about one pod that is being created. Pure and total: any JSON gets an answer.
 *
 * `status` is not looked at. The API server shows a webhook the status a client sent along and resets it afterwards:
 * a pod that is "Succeeded" on arrival will run.
 * @param trace receives each question with its answer, so that `explain` can show them
 */
export function decide(
  object: unknown,
  facts: Facts,
  config: InjectorConfig,
  requester?: Requester,
  trace?: Trace,
): PodDecision {
  const observe = observing(trace);
  const problem = observe("problem", podProblem(object));
  if (problem !== undefined) {
    return deny([finding("OBJECT_MALFORMED", `Not a pod: ${problem}.`, "Correct the manifest.")]);
  }
  const pod = object as Pod;
  if (!observe("labelled", isLabelled(facts))) return skip("namespace-not-labelled");
  if (observe("mirror", isMirror(pod, requester))) return skip("mirror-pod");
  if (observe("windows", asksForWindows(pod.spec) !== undefined))
    return skip("windows-pod", windowsFindings(pod, config.keys));
  if (!(pod.spec.containers ?? []).length) {
    return deny([finding("NO_CONTAINERS", "The pod has no containers.", "Give it at least one.")]);
  }

  const ignored = straysAround(pod, facts, config);
  const { source, guard, findings: settings } = observe("settings", namespaceSettings(facts, config));
  const {
    podRole,
    containers,
    isRequested,
    findings: roleProblems,
  } = requestedRoles(pod, facts, config, observe);
  const hostNetwork = observe("hostNetwork", pod.spec.hostNetwork === true);
  const presence = { guard, sidecar: isRequested, source };
  const meshes = meshTrust(config, presence);
  const baseline = () =>
    guard || isRequested ? baselineOf({ pod, guard: guard !== undefined, meshes }, facts, observe) : [];
  if (hostNetwork && !isRequested && config.hostNetwork === "warn" && roleProblems.length === 0) {
    const findings = [unguarded(), ...ignored, ...baseline()];
    return denies(findings) ? deny(findings) : skip("host-network", findings);
  }

  const sidecar =
    podRole !== undefined || containers.length > 0
      ? intendSidecar(pod, { podRole, containers }, facts, { ...config, source }, observe)
      : undefined;
  const { imds, findings: imdsProblems } = observe(
    "imds",
    intendImds({ pod, facts, config, guard, hasRole: isRequested, containers }),
  );
  const mesh =
    sidecar?.intent !== undefined || guard === "verify" ? observe("mesh", intendMesh(pod, facts)) : undefined;
  const findings = [
    ...(hostNetwork ? [onHostNetwork(guard)] : []),
    ...ignored,
    ...settings,
    ...roleProblems,
    ...(sidecar?.findings ?? []),
    ...imdsProblems,
    ...(isRequested ? sourceFindings(presence, facts, config) : []),
    ...baseline(),
    ...(guard || isRequested ? observe("hazards", hazards(pod, presence)) : []),
    ...(sidecar?.intent && !guard ? eavesdropping(pod, sidecar.intent) : []),
  ];
  const resources =
    guard || isRequested
      ? observe("resources", intendResources({ pod, facts, config, presence }))
      : undefined;
  findings.push(...(resources?.findings ?? []));
  if (denies(findings)) return deny(findings);
  if (resources === undefined || (!guard && sidecar === undefined)) return skip("nothing-to-do", findings);
  // With an open uid, no container can become the sidecar's.
  if (sidecar?.intent && !hasOpenUid(presence)) findings.push(...notSeparated(pod, guard, sidecar.intent));
  return {
    kind: "inject",
    pod,
    intent: { guard, sidecar: sidecar?.intent, imds, mesh, resources: resources.of },
    findings,
  };
}

function baselineOf(
  subject: Omit<Subject, "containers">,
  { namespace }: Facts,
  observe: Observe,
): readonly Finding[] {
  const { exempt, findings } = exemptionsOf(namespace);
  const results = observe("baseline", judgeBaseline({ ...subject, containers: judged(subject.pod) }, exempt));
  return [...findings, ...baselineFindings(results, subject.guard)];
}

/** On the node's network no container can be podrole's, whatever its name. */
const judged = (pod: Pod): readonly Container[] =>
  pod.spec.hostNetwork === true ? allContainers(pod.spec).map(({ container }) => container) : usersOf(pod);

const deny = (findings: readonly Finding[]): PodDecision => ({ kind: "deny", findings });

const skip = (reason: SkipReason, findings: readonly Finding[] = []): PodDecision => ({
  kind: "skip",
  reason,
  findings,
});

const onHostNetwork = (guard: GuardMode | undefined): Finding =>
  finding(
    "HOST_NETWORK",
    guard === "verify"
      ? "The pod uses the node's network, where the metadata service is always in reach, so the guard would never let it start."
      : "The pod uses the node's network, where a guard would also cut off the node itself from its metadata service.",
    `Remove hostNetwork from the pod, or run it ${ELSEWHERE}.`,
  );

const unguarded = (): Finding =>
  finding(
    "HOST_NETWORK_UNGUARDED",
    "The pod uses the node's network and has no guard, so it can reach the node's role.",
    "Remove hostNetwork from the pod.",
  );
