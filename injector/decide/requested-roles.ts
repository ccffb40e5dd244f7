import type { IdentitiesInput } from "./identities.ts";
import { type ContainerRole, containerRoles } from "./container-roles.ts";
import { type Finding, finding } from "../model/findings.ts";
import { NAMESPACE_LABEL, ANNOTATION } from "../../sidecar/contract/annotations.ts";
import type { Pod } from "../model/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import type { Observe } from "./trace.ts";
import { annotation } from "../model/annotations.ts";
import { resolveRole } from "./role.ts";
import type { Facts } from "../model/facts.ts";

/** The roles that a pod requests: its own, and those of single containers. */
export interface RequestedRoles {
  readonly podRole: IdentitiesInput["podRole"];
  readonly containers: readonly ContainerRole[];
  /** Whether the pod asks for a role, even by a text that is not a valid role. */
  readonly isRequested: boolean;
  /** Problems of the requested roles. Each denies the pod. */
  readonly findings: readonly Finding[];
}

/** `enabled` is the value of the namespace label of the same name. Any other text might mean false, so it is refused. */
const INJECT_VALUES: ReadonlySet<string> = new Set(["false", "true", NAMESPACE_LABEL.value]);

export function requestedRoles(
  pod: Pod,
  facts: Facts,
  config: InjectorConfig,
  observe: Observe,
): RequestedRoles {
  const inject = observe("inject", annotation(pod.metadata?.annotations, ANNOTATION.inject));
  if (inject === "false") return { podRole: undefined, containers: [], isRequested: false, findings: [] };
  const misread = inject == null || INJECT_VALUES.has(inject) ? [] : [badInject(inject)];
  const resolved = observe("role", resolveRole(pod, facts, config));
  const { roles: containers, findings: problems } = containerRoles(pod, config);
  const findings = [...misread, ...(resolved.kind === "invalid" ? resolved.findings : []), ...problems];
  return {
    podRole: resolved.kind === "role" ? resolved : undefined,
    containers,
    isRequested: resolved.kind !== "none" || containers.length > 0 || problems.length > 0,
    findings,
  };
}

const badInject = (value: string): Finding =>
  finding(
    "ANNOTATION_INVALID",
    `The annotation ${ANNOTATION.inject} is ${JSON.stringify(value.slice(0, 60))}.`,
    "Set it to true or false, or remove it.",
  );
