import type { IdentitiesAsked } from "./identities.ts";
import { type ContainerRole, containerRoles } from "./container-roles.ts";
import { type Finding, finding } from "../model/findings.ts";
import { NAMESPACE_LABEL, ANNOTATION } from "../../sidecar/contract/annotations.ts";
import type { Pod } from "../model/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import type { Observe } from "./trace.ts";
import { annotation } from "../model/annotations.ts";
import { resolveRole } from "./role.ts";
import type { Facts } from "../model/facts.ts";

/** The roles that a pod asks for: its own, and those of single containers. */
export interface AskedRoles {
  readonly own: IdentitiesAsked["own"];
  readonly containers: readonly ContainerRole[];
  /** Whether it asks for any, even by a text that is no role. */
  readonly asked: boolean;
  /** What is wrong with what it asks. Each denies. */
  readonly findings: readonly Finding[];
}

/** `enabled` is how the namespace's label of the same name spells it. Anything else may be meant as a no. */
const INJECT_VALUES: ReadonlySet<string> = new Set(["false", "true", NAMESPACE_LABEL.value]);

export function askedRoles(pod: Pod, facts: Facts, config: InjectorConfig, observe: Observe): AskedRoles {
  const inject = observe("inject", annotation(pod.metadata?.annotations, ANNOTATION.inject));
  if (inject === "false") return { own: undefined, containers: [], asked: false, findings: [] };
  const misread = inject == null || INJECT_VALUES.has(inject) ? [] : [badInject(inject)];
  const resolved = observe("role", resolveRole(pod, facts, config));
  const { roles: containers, findings: problems } = containerRoles(pod, config);
  const findings = [...misread, ...(resolved.kind === "invalid" ? resolved.findings : []), ...problems];
  return {
    own: resolved.kind === "role" ? resolved : undefined,
    containers,
    asked: resolved.kind !== "none" || containers.length > 0 || problems.length > 0,
    findings,
  };
}

const badInject = (value: string): Finding =>
  finding(
    "ANNOTATION_INVALID",
    `The annotation ${ANNOTATION.inject} is ${JSON.stringify(value.slice(0, 60))}.`,
    "Set it to true or false, or remove it.",
  );
