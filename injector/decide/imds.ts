import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { IMDS_MODES, IMDS_V1, type ImdsMode, type ImdsV1 } from "../../sidecar/contract/metadata.ts";
import type { GuardMode } from "../../sidecar/contract/env.ts";
import type { Facts } from "../model/facts.ts";
import type { InjectorConfig } from "../config/installation.ts";
import type { ContainerRole } from "./container-roles.ts";
import { exposes } from "./exposure.ts";
import { userContainers } from "../model/user-containers.ts";
import { finding, type Finding } from "../model/findings.ts";
import type { Pod } from "../model/pod.ts";
import { notAllowed, forbiddenThere, withoutRole, needsBlock, shared, v1Allowed } from "./imds-findings.ts";

/** How the metadata service is emulated in one pod. */
export interface ImdsIntent {
  /** Whether a request without a token is answered. */
  readonly v1: ImdsV1;
}

export interface ImdsInput {
  readonly pod: Pod;
  readonly facts: Pick<Facts, "namespace">;
  readonly config: Pick<InjectorConfig, "imds" | "keys">;
  readonly guard: GuardMode | undefined;
  /** Whether the pod has a role of its own, as opposed to one of its containers. */
  readonly hasRole: boolean;
  readonly containers: readonly ContainerRole[];
}

/** The value of one annotation, and who chose it. */
interface Requested<T> {
  readonly value: T;
  /** Whether the pod itself names the value. */
  readonly byPod: boolean;
}

/**
 * Whether the sidecar emulates the metadata service. The pod asks for it, or its namespace does for pods without the
 * annotation. The injector's configuration must allow it. An admin who writes the other value on a namespace forbids it
 * there. A request that is not allowed is denied, never ignored: an old client would get no answer and no reason.
 */
export function intendImds(input: ImdsInput): {
  readonly imds: ImdsIntent | undefined;
  readonly findings: readonly Finding[];
} {
  const mode = requestedValue<ImdsMode>(input, ANNOTATION.imds, IMDS_MODES, "block");
  const v1 = requestedValue<ImdsV1>(input, ANNOTATION.imdsV1, IMDS_V1, "denied");
  const invalid = [mode, v1].flatMap((one) => ("findings" in one ? one.findings : []));
  if ("findings" in mode || "findings" in v1) return { imds: undefined, findings: invalid };
  if (mode.value === "block") return { imds: undefined, findings: [] };

  const { config, facts, guard, hasRole, containers } = input;
  const { name, annotations } = facts.namespace;
  const findings: Finding[] = [];
  if (config.imds === "block") {
    findings.push(notAllowed(input, mode.byPod, ANNOTATION.imds, "emulate", "allow-emulate"));
  } else if (annotations[ANNOTATION.imds] === "block") {
    findings.push(forbiddenThere(name, ANNOTATION.imds, "block"));
  }
  if (v1.value === "allowed" && config.imds === "allow-emulate") {
    findings.push(notAllowed(input, v1.byPod, ANNOTATION.imdsV1, "allowed", "allow-emulate-v1"));
  } else if (v1.value === "allowed" && annotations[ANNOTATION.imdsV1] === "denied") {
    findings.push(forbiddenThere(name, ANNOTATION.imdsV1, "denied"));
  }
  if (findings.length > 0) return { imds: undefined, findings };

  if (!hasRole && containers.length === 0) {
    return { imds: undefined, findings: mode.byPod ? [withoutRole()] : [] };
  }
  if (guard !== "block") return { imds: undefined, findings: [needsBlock(name, guard)] };
  const why = whyNotShared(input);
  if (why !== undefined) return { imds: undefined, findings: [shared(why)] };
  return { imds: { v1: v1.value }, findings: v1.value === "allowed" ? [v1Allowed()] : [] };
}

/** The value of the pod's annotation, else of its namespace's, else the fallback; or the findings about invalid values. */
function requestedValue<T extends string>(
  { pod, facts }: ImdsInput,
  key: string,
  values: readonly T[],
  fallback: T,
): Requested<T> | { readonly findings: readonly Finding[] } {
  const onPod = pod.metadata?.annotations?.[key] ?? undefined;
  const { name, annotations } = facts.namespace;
  const onNamespace = Object.hasOwn(annotations, key) ? annotations[key] : undefined;
  const read = (raw: string | undefined): T | undefined => values.find((value) => value === raw);
  const invalidValue = (raw: string, where: string): Finding => {
    const message = `The annotation ${key}${where} is ${JSON.stringify(raw.slice(0, 60))}.`;
    const remedy = `${where === "" ? "Set" : "Ask a cluster admin to set"} it to ${values.join(" or ")}.`;
    return finding("ANNOTATION_INVALID", message, remedy);
  };
  const findings = [
    ...(onPod !== undefined && read(onPod) === undefined ? [invalidValue(onPod, "")] : []),
    ...(onNamespace !== undefined && read(onNamespace) === undefined
      ? [invalidValue(onNamespace, ` of namespace ${name}`)]
      : []),
  ];
  if (findings.length > 0) return { findings };
  return { value: read(onPod) ?? read(onNamespace) ?? fallback, byPod: onPod !== undefined };
}

/** Why the containers do not all share the pod's role. A metadata request names no container, so each would get that role. */
function whyNotShared(input: ImdsInput): string | undefined {
  const [first] = input.containers;
  if (first !== undefined) return `container ${JSON.stringify(first.container)} has a role of its own`;
  const exposed = exposes(input.pod, input.config.keys);
  const skipped = userContainers(input.pod).find(({ name }) => !exposed(name));
  return skipped && `container ${JSON.stringify(skipped.name.slice(0, 80))} gets no credentials`;
}
