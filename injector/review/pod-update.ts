import { isDeepStrictEqual } from "node:util";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { POD_IDENTITY, SOURCES } from "../../sidecar/contract/session.ts";
import { APP_ENV, CONTAINER } from "../../sidecar/contract/pod.ts";
import type { Review } from "./admission-review.ts";
import { annotation, annotationsByKey, containerRoleKey, type Keys } from "../model/annotations.ts";
import { isLabelled, type Facts } from "../model/facts.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { containerRoleKeys } from "../decide/container-roles.ts";
import { denies, finding, type Finding } from "../model/findings.ts";
import { exposes } from "../decide/exposure.ts";
import { userContainers } from "../model/user-containers.ts";
import { hazards } from "../decide/hazards.ts";
import { isOurs } from "../model/user-containers.ts";
import { patchBetween } from "../mutate/patch.ts";
import { envVar, type Container, type Pod } from "../model/pod.ts";
import { podProblem } from "../model/pod-shape.ts";
import { tokenOf } from "../mutate/token.ts";
import { confine, served, type Endpoint } from "../mutate/user-container.ts";
import type { AdmissionResult } from "./admission-result.ts";
import type { Presence } from "../decide/presence.ts";

/** Pods that run already: what may still be changed about them, and what may be added. */

export const isPodUpdate = ({ operation, resource }: Review): boolean =>
  operation === "UPDATE" && (resource === "/pods" || resource === "/pods/ephemeralcontainers");

const allowed: AdmissionResult = { decision: "allow", operations: [], findings: [] };
const refused = (findings: readonly Finding[]): AdmissionResult => ({
  decision: "deny",
  operations: [],
  findings,
});

/** Pure. What is no business of podrole's, a finalizer or a label, passes whatever else there is to say about the pod. */
export function resultForPodUpdate(review: Review, facts: Facts, config: InjectorConfig): AdmissionResult {
  if (!isLabelled(facts)) {
    return { ...allowed, decision: "skip", reason: "namespace-not-labelled" };
  }
  const problem = podProblem(review.object) ?? podProblem(review.oldObject);
  if (problem !== undefined) {
    return refused([finding("OBJECT_MALFORMED", `Not a pod: ${problem}.`, "Correct the manifest.")]);
  }
  const [before, after] = [review.oldObject as Pod, review.object as Pod];
  // A pod from before the namespace was labelled: there is nothing of ours in it to keep.
  if (!(before.spec.initContainers ?? []).some(isOurs)) return allowed;
  if (review.resource === "/pods") {
    const frozen = [...changedAnnotations(before, after, config.keys), ...changedImages(before, after)];
    return frozen.length > 0 ? refused(frozen) : allowed;
  }
  return resultForEphemeral(before, after, config);
}

/** Annotations are applied at creation; editing them later would misstate what the pod has. */
function changedAnnotations(before: Pod, after: Pod, keys: Keys): readonly Finding[] {
  const value = ({ metadata }: Pod, key: string): string | undefined =>
    annotation(metadata?.annotations, key);
  const ofContainers = [before, after].flatMap((pod) =>
    [...containerRoleKeys(pod).keys()].map(containerRoleKey),
  );
  const ofPods = [...annotationsByKey(keys)].flatMap(([key, { on }]) => (on === "Pod" ? [key] : []));
  return [...new Set([...ofPods, ...ofContainers])]
    .filter((key) => value(before, key) !== value(after, key))
    .map((key) =>
      finding(
        "POD_FROZEN",
        `The annotation ${key} of a running pod cannot be changed: the pod keeps what it was started with.`,
        key === ANNOTATION.status ? "Leave it as it is." : "Change it in the workload, or make the pod anew.",
      ),
    );
}

/** An image is among the few things that can be changed of a running pod. */
function changedImages(before: Pod, after: Pod): readonly Finding[] {
  const image = ({ spec }: Pod, name: string): string | undefined =>
    spec.initContainers?.find((container) => container.name === name)?.image;
  return Object.values(CONTAINER)
    .filter((name) => image(before, name) !== image(after, name))
    .map((name) =>
      finding("POD_FROZEN", `The image of ${name} in a running pod cannot be changed.`, "Make the pod anew."),
    );
}

/**
 * What `kubectl debug` adds: judged like any container of the pod's, then given the same credentials and restrictions.
 * What the pod is otherwise has been judged when it was made.
 */
function resultForEphemeral(before: Pod, after: Pod, config: InjectorConfig): AdmissionResult {
  const known = before.spec.ephemeralContainers ?? [];
  const isNew = (container: Container): boolean => !known.some((one) => isDeepStrictEqual(one, container));
  const added = (after.spec.ephemeralContainers ?? []).filter(isNew);
  const presence = presenceIn(before, config);
  const { securityContext } = after.spec;
  const alone: Pod = {
    spec: {
      containers: [],
      ephemeralContainers: added,
      ...(securityContext == null ? {} : { securityContext }),
    },
  };
  const findings = [
    ...hazards(alone, { ...presence, hostPath: config.hostPath }),
    ...added.flatMap(aimedAtOurs),
  ];
  if (denies(findings)) return refused(findings);

  const endpoint = presence.sidecar ? endpointIn(before) : undefined;
  const exposed = exposes(before);
  const adapted = (container: Container): Container => {
    const confined = confine(container, presence);
    return endpoint !== undefined && exposed(container.name) ? served(confined, endpoint) : confined;
  };
  const ephemeralContainers = (after.spec.ephemeralContainers ?? []).map((one) =>
    isNew(one) ? adapted(one) : one,
  );
  const operations = patchBetween(after, { ...after, spec: { ...after.spec, ephemeralContainers } });
  return { decision: operations.length > 0 ? "inject" : "allow", operations, findings };
}

/** It would share the processes of the container it aims at, and as the same uid read their memory. */
function aimedAtOurs(container: Container): readonly Finding[] {
  const target = container["targetContainerName"];
  if (target !== CONTAINER.guard && target !== CONTAINER.sidecar) return [];
  const message = `Container ${JSON.stringify(container.name)} aims at ${target}, whose processes it would share.`;
  return [finding("EPHEMERAL_TARGET", message, "Aim at a container of the app's.")];
}

/** What the running pod was given, whatever this version would give it. */
function presenceIn({ spec }: Pod, config: InjectorConfig): Presence {
  const named = (name: string): Container | undefined =>
    spec.initContainers?.find((one) => one.name === name);
  const sidecar = named(CONTAINER.sidecar);
  const told = sidecar && envVar(sidecar, ENV.source)?.value;
  return {
    guard: named(CONTAINER.guard) !== undefined,
    sidecar: sidecar !== undefined,
    source: SOURCES.find((source) => source === told) ?? config.source,
  };
}

/**
 * The pod's own identity, never a container's. As a container has it: the port may have been another one when the pod was
 * made.
 */
function endpointIn(pod: Pod): Endpoint | undefined {
  const token = tokenOf(pod, POD_IDENTITY);
  const holder = userContainers(pod).find(
    (one) => token !== undefined && envVar(one, APP_ENV.token)?.value === token,
  );
  const uri = holder && envVar(holder, APP_ENV.fullUri)?.value;
  if (holder === undefined || token === undefined || uri === undefined) return undefined;
  const sidecar = pod.spec.initContainers?.find(({ name }) => name === CONTAINER.sidecar);
  const emulated = sidecar !== undefined && envVar(sidecar, ENV.imds)?.value === "emulate";
  return { uri, token, region: envVar(holder, APP_ENV.region)?.value, emulated };
}
