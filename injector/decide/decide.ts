import { ANNOTATION, NAMESPACE_LABEL } from "../../sidecar/contract/annotations.ts";
import { START_MODES, type StartMode } from "../../sidecar/contract/env.ts";
import { SOURCES, type Source } from "../../sidecar/contract/session.ts";
import { fallbackRegion } from "../model/arn.ts";
import { isLabelled, type Facts } from "../model/facts.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { containerRoles, type ContainerRole } from "./container-roles.ts";
import { exposedContainers } from "./exposure.ts";
import { denies, finding, type Finding } from "../model/findings.ts";
import { hazards } from "./harden.ts";
import { intendImds } from "./imds.ts";
import { intendIdentities, type IdentitiesAsked } from "./identities.ts";
import type { Pod } from "../model/pod.ts";
import { resolveRole, type ResolvedRole } from "./role.ts";
import { sessionWishes } from "./session.ts";
import { strayAnnotations } from "./stray-annotations.ts";
import { podProblem } from "../model/pod-shape.ts";
import { observing, type Observe, type Trace } from "./trace.ts";
import { annotation } from "../model/annotations.ts";
import type { PodDecision, Intent, SkipReason, SidecarIntent } from "./intent.ts";

/** Who asks: the API server's user name, or undefined offline. */
export type Requester = string | undefined;

/**
 * One decision about one pod that is being created. Pure and total: any JSON gets an answer.
 *
 * `status` is not looked at. The API server shows a webhook the status a client sent along and resets it afterwards:
 * a pod that is "Succeeded" on arrival will run.
 * @param trace hears each question that is asked on the way, for whoever has to explain the decision
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
  if (observe("windows", isWindows(pod))) return skip("windows-pod");
  if (!(pod.spec.containers ?? []).length) {
    return deny([finding("NO_CONTAINERS", "The pod has no containers.", "Give it at least one.")]);
  }

  const annotations = pod.metadata?.annotations ?? {};
  const strays = strayAnnotations("Pod", annotations, config.keys);
  const { source, guard, findings: settings } = observe("settings", namespaceSettings(facts, config));
  const wanted = observe("inject", annotations[ANNOTATION.inject]);
  if (wanted != null && !INJECT_VALUES.has(wanted)) {
    const message = `The annotation ${ANNOTATION.inject} is ${JSON.stringify(wanted.slice(0, 60))}.`;
    return deny([
      finding("ANNOTATION_INVALID", message, "It can be false, or true, or left out."),
      ...strays,
    ]);
  }
  const optedOut = wanted === "false";
  const resolved = optedOut ? NO_ROLE : observe("role", resolveRole(pod, facts, config));
  const { roles: containers, findings: roleProblems } = optedOut ? NO_ROLES : containerRoles(pod, config);
  const misnamed = [...(resolved.kind === "invalid" ? resolved.findings : []), ...roleProblems];
  if (misnamed.length > 0) return deny([...misnamed, ...strays]);
  const own = resolved.kind === "role" ? resolved : undefined;
  const asksForRole = own !== undefined || containers.length > 0;
  if (observe("hostNetwork", pod.spec.hostNetwork === true))
    return onHostNetwork(asksForRole, config, strays);

  const sidecar = asksForRole
    ? intendSidecar(pod, { own, containers }, facts, { ...config, source }, observe)
    : undefined;
  const { imds, findings: imdsFindings } = observe(
    "imds",
    intendImds({ pod, facts, config, guard, hasRole: own !== undefined, containers }),
  );
  const irsa = annotation(facts.serviceAccount?.annotations, config.keys.serviceAccountRole) !== undefined;
  const intent: Intent = { guard, sidecar: sidecar?.intent, imds, irsa };
  const findings = [
    ...strays,
    ...settings,
    ...(sidecar?.findings ?? []),
    ...imdsFindings,
    ...(guard ? observe("podSecurity", podSecurity(facts)) : []),
    ...(guard || sidecar
      ? observe(
          "hazards",
          hazards(pod, { guard, sidecar: sidecar !== undefined, source, hostPath: config.hostPath }),
        )
      : []),
  ];
  if (denies(findings)) return deny(findings);
  return guard || sidecar ? { kind: "inject", pod, intent, findings } : skip("nothing-to-do", findings);
}

/** `enabled` is how the namespace's label of the same name spells it. Anything else may be meant as a no. */
const INJECT_VALUES: ReadonlySet<string> = new Set(["false", "true", NAMESPACE_LABEL.value]);

const NO_ROLE: ResolvedRole = { kind: "none" };
const NO_ROLES: ReturnType<typeof containerRoles> = { roles: [], findings: [] };

const deny = (findings: readonly Finding[]): PodDecision => ({ kind: "deny", findings });
const skip = (reason: SkipReason, findings: readonly Finding[] = []): PodDecision => ({
  kind: "skip",
  reason,
  findings,
});

function intendSidecar(
  pod: Pod,
  asked: { readonly own: IdentitiesAsked["own"]; readonly containers: readonly ContainerRole[] },
  facts: Facts,
  config: InjectorConfig,
  observe: Observe,
): { readonly intent: SidecarIntent | undefined; readonly findings: readonly Finding[] } {
  const annotations = pod.metadata?.annotations ?? {};
  const { wishes, findings: wishProblems } = sessionWishes(annotations, config);
  const { exposed, findings: exposureProblems } = exposedContainers(pod);
  const { identities, findings: identityProblems } = intendIdentities(
    { pod, ...asked, exposed, wishes, wishProblems, facts, config },
    observe,
  );
  observe("exposed", exposed);
  const findings = [...identityProblems, ...wishProblems, ...exposureProblems];
  const start = observe("start", annotations[ANNOTATION.start] ?? config.start);
  if (!isStartMode(start)) {
    const message = `The annotation ${ANNOTATION.start} is ${JSON.stringify(start.slice(0, 60))}.`;
    findings.push(finding("ANNOTATION_INVALID", message, `It can be ${START_MODES.join(" or ")}.`));
    return { intent: undefined, findings };
  }
  const [first] = identities;
  if (first === undefined) return { intent: undefined, findings };
  const intent: SidecarIntent = {
    identities,
    source: config.source,
    sessionName: wishes.sessionName,
    stsRegion: wishes.region ?? fallbackRegion(first.role),
    region: wishes.region,
    start,
  };
  return { intent, findings };
}

const isStartMode = (raw: string): raw is StartMode => (START_MODES as readonly string[]).includes(raw);
const isSource = (raw: string): raw is Source => (SOURCES as readonly string[]).includes(raw);

/**
 * A node's own copy of a static pod, which the kubelet never runs from here. Only a node may make one: from anybody else
 * the annotation would be a way round the guard.
 */
function isMirror({ metadata }: Pod, requester: Requester): boolean {
  const marked = metadata?.annotations?.["kubernetes.io/config.mirror"] !== undefined;
  return marked && (requester === undefined || requester.startsWith("system:node:"));
}

/** The scheduler and the kubelet hold such a pod off Linux nodes, and no guard could run on the others. */
const isWindows = ({ spec }: Pod): boolean =>
  spec.os?.name === "windows" ||
  (spec.os?.name == null && spec.nodeSelector?.["kubernetes.io/os"] === "windows");

/** What an admin's annotations on the namespace change of the injector's configuration. */
function namespaceSettings(
  { namespace }: Facts,
  config: InjectorConfig,
): { readonly source: Source; readonly guard: boolean; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const wantedSource = namespace.annotations[ANNOTATION.source];
  const overridden =
    wantedSource !== undefined && isSource(wantedSource) && config.sourceOverride.includes(wantedSource);
  if (wantedSource !== undefined && !overridden && wantedSource !== config.source) {
    const message = `The annotation ${ANNOTATION.source} of namespace ${namespace.name} is ${JSON.stringify(wantedSource.slice(0, 60))}, which the injector does not allow.`;
    findings.push(
      finding("ANNOTATION_INVALID", message, "Have a cluster admin set sourceOverride in podrole-config."),
    );
  }
  const wantedGuard = namespace.annotations[ANNOTATION.guard];
  if (wantedGuard !== undefined && wantedGuard !== "block" && wantedGuard !== "off") {
    const message = `The annotation ${ANNOTATION.guard} of namespace ${namespace.name} is ${JSON.stringify(wantedGuard.slice(0, 60))}.`;
    findings.push(finding("ANNOTATION_INVALID", message, "It can be block or off."));
  }
  const guard = (wantedGuard ?? config.guard) !== "off";
  if (!guard) {
    const message = `The guard is off in namespace ${namespace.name}: the node's role is within this pod's reach.`;
    findings.push(finding("GUARD_OFF", message, "Ask a cluster admin to turn it on."));
  }
  return { source: overridden ? wantedSource : config.source, guard, findings };
}

function onHostNetwork(
  asksForRole: boolean,
  config: InjectorConfig,
  strays: readonly Finding[],
): PodDecision {
  const remedy = "Take hostNetwork off the pod.";
  if (asksForRole || config.hostNetwork === "deny") {
    const message =
      "The pod uses the node's network, where a guard would cut the node itself off from its metadata service.";
    return deny([finding("HOST_NETWORK", message, remedy), ...strays]);
  }
  const message = "The pod uses the node's network and has no guard: the node's role is within its reach.";
  return skip("host-network", [finding("HOST_NETWORK_UNGUARDED", message, remedy), ...strays]);
}

/** Pod Security forbids NET_ADMIN below `privileged`, and says so in words that do not mention podrole. */
function podSecurity({ namespace }: Facts): readonly Finding[] {
  const level = namespace.labels["pod-security.kubernetes.io/enforce"];
  if (level !== "baseline" && level !== "restricted") return [];
  const message = `Namespace ${namespace.name} enforces Pod Security level ${level}, which forbids the guard's NET_ADMIN.`;
  const remedy = `Set pod-security.kubernetes.io/enforce to privileged there, or the namespace's annotation ${ANNOTATION.guard} to off.`;
  return [finding("PSA_FORBIDS_GUARD", message, remedy)];
}
