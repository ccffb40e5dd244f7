import { type Source, SOURCES } from "../../sidecar/contract/session.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { type Finding, finding } from "../model/findings.ts";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import type { Facts } from "../model/facts.ts";

const isSource = (raw: string): raw is Source => (SOURCES as readonly string[]).includes(raw);

/** The settings that an admin's annotations on the namespace override. */
export function namespaceSettings(
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
      finding("ANNOTATION_INVALID", message, "Ask a cluster admin to set sourceOverride in podrole-config."),
    );
  }
  const wantedGuard = namespace.annotations[ANNOTATION.guard];
  if (wantedGuard !== undefined && wantedGuard !== "block" && wantedGuard !== "off") {
    const message = `The annotation ${ANNOTATION.guard} of namespace ${namespace.name} is ${JSON.stringify(wantedGuard.slice(0, 60))}.`;
    findings.push(finding("ANNOTATION_INVALID", message, "Ask a cluster admin to set it to block or off."));
  }
  const guard = (wantedGuard ?? config.guard) !== "off";
  if (!guard) {
    const message = `The guard is off in namespace ${namespace.name}, so this pod can reach the node's role.`;
    findings.push(finding("GUARD_OFF", message, "Ask a cluster admin to turn it on."));
  }
  return { source: overridden ? wantedSource : config.source, guard, findings };
}

/** Pod Security forbids NET_ADMIN below `privileged`, and its message does not mention podrole. */
export function podSecurity({ namespace }: Facts): readonly Finding[] {
  const level = namespace.labels["pod-security.kubernetes.io/enforce"];
  if (level !== "baseline" && level !== "restricted") return [];
  const message = `Namespace ${namespace.name} enforces Pod Security level ${level}, which forbids the guard's NET_ADMIN.`;
  const remedy = `Ask a cluster admin to set pod-security.kubernetes.io/enforce to privileged there, where podrole then enforces baseline itself, or the namespace's annotation ${ANNOTATION.guard} to off.`;
  return [finding("PSA_FORBIDS_GUARD", message, remedy)];
}
