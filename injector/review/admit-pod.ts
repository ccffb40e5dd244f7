import type { GuardMode } from "../../sidecar/contract/env.ts";
import type { Facts } from "../model/facts.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { decide } from "../decide/decide.ts";
import { userContainers } from "../model/user-containers.ts";
import { finding, type Finding } from "../model/findings.ts";
import { mutate } from "../mutate/mutate.ts";
import type { Pod } from "../model/pod.ts";
import { proxyFindings } from "../mutate/proxy.ts";
import { withoutAdditions } from "../mutate/additions.ts";
import { withoutEarlierInjection } from "../mutate/earlier-injection.ts";
import type { Fresh } from "../mutate/fresh.ts";
import { assigned } from "../mutate/assigned.ts";
import { shadowed, imdsShadowed } from "../mutate/shadowed.ts";
import { writtenContainers } from "../mutate/own-containers.ts";
import { tamperedContainers } from "../mutate/tampered-containers.ts";
import { SIDECAR_UIDS } from "../../sidecar/contract/pod.ts";
import { endpointsByContainer } from "../mutate/endpoints.ts";
import type { SidecarIntent, SkipReason } from "../decide/intent.ts";
import type { Requester } from "../decide/pod-kinds.ts";

/** The decision about a pod, and the patched pod, for the webhook and the offline commands. */
export type PodOutcome =
  | { readonly kind: "skip"; readonly reason: SkipReason; readonly findings: readonly Finding[] }
  | { readonly kind: "deny"; readonly findings: readonly Finding[] }
  | {
      readonly kind: "inject";
      readonly before: Pod;
      readonly after: Pod;
      /** Undefined: the pod gets no guard. */
      readonly guard: GuardMode | undefined;
      readonly sidecar: SidecarIntent | undefined;
      readonly findings: readonly Finding[];
    };

/** Decides, then mutates. Pure, given what is made anew. */
export function admitPod(
  object: unknown,
  facts: Facts,
  config: InjectorConfig,
  fresh: Fresh,
  requester?: Requester,
): PodOutcome {
  const decision = decide(object, facts, config, requester);
  if (decision.kind !== "inject") return decision;
  const { pod: before, intent } = decision;
  const own = assigned(before, intent, config, fresh);
  if (own === undefined) return { kind: "deny", findings: [noUidLeft(), ...decision.findings] };
  const written = writtenContainers(before, intent, config, own);
  const tampered = (one: Pod): readonly Finding[] => tamperedContainers(one, intent, config, own, written);
  let pod = before;
  if (tampered(pod).length > 0) {
    const original = withoutEarlierInjection(before, config, intent.guard);
    if (original !== undefined) {
      const outcome = admitPod(original, facts, config, fresh, requester);
      return outcome.kind === "inject" ? { ...outcome, before } : outcome;
    }
    pod = withoutAdditions(before, written);
    const left = tampered(pod);
    if (left.length > 0) return { kind: "deny", findings: [...left, ...decision.findings] };
  }
  const endpoints = endpointsByContainer(intent, own.tokens, config);
  const users = userContainers(pod);
  const findings = [
    ...decision.findings,
    ...users.flatMap((one) => {
      const endpoint = endpoints.get(one.name);
      return endpoint === undefined
        ? []
        : [...shadowed(one, endpoint), ...proxyFindings(one, endpoint.emulated)];
    }),
    ...(intent.imds === undefined ? [] : imdsShadowed(pod, users)),
  ];
  return {
    kind: "inject",
    before,
    after: mutate(pod, intent, config, own),
    guard: intent.guard,
    sidecar: intent.sidecar,
    findings,
  };
}

const noUidLeft = (): Finding =>
  finding(
    "SIDECAR_UID",
    `The pod names every id from ${SIDECAR_UIDS.min} to ${SIDECAR_UIDS.max}, so none is left for the sidecar.`,
    "Name fewer in runAsUser, runAsGroup, fsGroup and supplementalGroups.",
  );
