import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { GUARD_MODES, type GuardMode } from "../../sidecar/contract/env.ts";
import type { Facts } from "./facts.ts";

/** Values of the setting `guard`, and of the annotation by which a namespace overrides it. */
export const GUARD_SETTINGS = ["auto", ...GUARD_MODES, "off"] as const;
export type GuardSetting = (typeof GUARD_SETTINGS)[number];

export const isGuardSetting = (raw: string): raw is GuardSetting =>
  (GUARD_SETTINGS as readonly string[]).includes(raw);

export const ENFORCED_LEVEL = "pod-security.kubernetes.io/enforce";

/** How an admin gets mode `block` in one namespace, whatever has chosen `verify` there; the object of "Ask". */
export const BLOCK_REMEDY = `a cluster admin for the guard's mode block (on the namespace ${ANNOTATION.guard}: block, and ${ENFORCED_LEVEL}: privileged)`;

/**
 * The namespace's Pod Security level, if it forbids NET_ADMIN to the guard; else undefined. A value that is no level counts as
 * `restricted`, as for the API server (ParseLevel in k8s.io/pod-security-admission/api). A level that the API server's own configuration
 * sets for all namespaces is not known here: only the labels of a namespace are read.
 */
export function levelWithoutNetAdmin({ namespace }: Pick<Facts, "namespace">): string | undefined {
  const level = namespace.labels[ENFORCED_LEVEL];
  if (level === undefined || level === "privileged") return undefined;
  return level === "baseline" ? level : "restricted";
}

/**
 * The mode of the guard in pods of a namespace; undefined: they have none. An annotation that is none of {@link GUARD_SETTINGS} gives
 * `block`: it denies every pod of the namespace anyway, and what else is said of the pod is then what the stricter mode says.
 */
export function guardMode(
  facts: Pick<Facts, "namespace">,
  config: { readonly guard: GuardSetting },
): GuardMode | undefined {
  const wanted = facts.namespace.annotations[ANNOTATION.guard] ?? config.guard;
  switch (wanted) {
    case "off":
      return undefined;
    case "verify":
      return "verify";
    case "auto":
      return levelWithoutNetAdmin(facts) === undefined ? "block" : "verify";
    default:
      return "block";
  }
}
