import { type Source, SOURCES } from "../../sidecar/contract/session.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { type Finding, finding } from "../model/findings.ts";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import type { Facts } from "../model/facts.ts";
import type { GuardMode } from "../../sidecar/contract/env.ts";
import {
  BLOCK_REMEDY,
  ENFORCED_LEVEL,
  GUARD_SETTINGS,
  guardMode,
  isGuardSetting,
  levelWithoutNetAdmin,
} from "../model/guard-mode.ts";
import { SOURCE_KINDS } from "../sources/sources.ts";
import type { Presence } from "./presence.ts";

const isSource = (raw: string): raw is Source => (SOURCES as readonly string[]).includes(raw);

/** The settings that an admin's annotations on the namespace override. */
export function namespaceSettings(
  facts: Facts,
  config: InjectorConfig,
): { readonly source: Source; readonly guard: GuardMode | undefined; readonly findings: readonly Finding[] } {
  const { namespace } = facts;
  const findings: Finding[] = [];
  const wantedSource = namespace.annotations[ANNOTATION.source];
  const overridden =
    wantedSource !== undefined && isSource(wantedSource) && config.sourceOverride.includes(wantedSource);
  if (wantedSource !== undefined && !overridden && wantedSource !== config.source) {
    const message = `The annotation ${ANNOTATION.source} of namespace ${namespace.name} is ${JSON.stringify(wantedSource.slice(0, 60))}, which the injector does not allow.`;
    findings.push(
      finding("ANNOTATION_INVALID", message, "Ask a cluster admin to set sourceOverride in podrole-config."),
    );
  }
  const wantedGuard = namespace.annotations[ANNOTATION.guard];
  if (wantedGuard !== undefined && !isGuardSetting(wantedGuard)) {
    const message = `The annotation ${ANNOTATION.guard} of namespace ${namespace.name} is ${JSON.stringify(wantedGuard.slice(0, 60))}.`;
    findings.push(
      finding(
        "ANNOTATION_INVALID",
        message,
        `Ask a cluster admin to set it to one of ${GUARD_SETTINGS.join(", ")}.`,
      ),
    );
  }
  const guard = guardMode(facts, config);
  if (guard === undefined) {
    const message = `The guard is off in namespace ${namespace.name}, so this pod can reach the node's role.`;
    findings.push(finding("GUARD_OFF", message, "Ask a cluster admin to turn it on."));
  }
  findings.push(...forbiddenByLevel(facts, guard));
  return { source: overridden ? wantedSource : config.source, guard, findings };
}

/** What a pod with a role is denied for by the source of its namespace and the guard's mode there. */
export function sourceFindings(
  { guard, source }: Presence,
  { namespace }: Facts,
  config: InjectorConfig,
): readonly Finding[] {
  const { opensGuard, missing } = SOURCE_KINDS[source];
  const absent = missing?.(config);
  const findings = absent === undefined ? [] : [finding(absent.code, absent.message, absent.remedy)];
  if (guard !== "verify" || !opensGuard) return findings;
  const message = `Source ${source} needs the node's metadata service, and in namespace ${namespace.name} the guard is in mode verify: a pod that reaches this service does not start.`;
  const remedy = `Ask ${BLOCK_REMEDY}, or for source web-identity.`;
  return [...findings, finding("SOURCE_NEEDS_BLOCK", message, remedy)];
}

/**
 * Only a warning: the API server itself refuses the pod, unless its configuration exempts the namespace, and its message does not mention
 * podrole.
 */
function forbiddenByLevel(facts: Facts, guard: GuardMode | undefined): readonly Finding[] {
  const level = levelWithoutNetAdmin(facts);
  if (guard !== "block" || level === undefined) return [];
  const message = `The guard is in mode block in namespace ${facts.namespace.name}, which enforces Pod Security level ${level}, and this level forbids the guard's NET_ADMIN.`;
  const remedy = `Ask a cluster admin to set the namespace's annotation ${ANNOTATION.guard} to auto, or ${ENFORCED_LEVEL} to privileged, where podrole then enforces baseline itself.`;
  return [finding("BLOCK_NEEDS_PRIVILEGED", message, remedy)];
}
