import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { CONTAINER } from "../../../sidecar/contract/pod.ts";
import { ENFORCED_LEVEL, guardMode, levelWithoutNetAdmin } from "../../model/guard-mode.ts";
import type { CheckFacts, DryRun } from "./facts.ts";
import { annotateGuard, keepBlock, labelLevel, verifyOrPrivileged } from "./level-remedies.ts";
import { underPodrole } from "./namespaces.ts";
import { fail, type CheckCode, type CheckResult } from "./result.ts";

/**
 * What to set where the API server refuses the guard of mode block by a Pod Security level. The level is the namespace's label's or, without
 * one, the default of the API server's configuration, which only a refusal shows.
 */
export function refusedByLevel(
  code: CheckCode,
  { namespace: name, expected, good }: DryRun,
  { namespaces, config, podroleNamespace }: CheckFacts,
): CheckResult | undefined {
  if (good.kind !== "refused" || expected.kind !== "inject" || expected.guard !== "block") return undefined;
  const level = levelIn(good.said);
  const all = namespaces.kind === "found" ? namespaces.value : [];
  const facts = all.find(({ namespace }) => namespace.name === name);
  // Another container may be what is refused, such as one that another webhook has put into the pod.
  const isOurs = Object.values(CONTAINER).some((container) => good.said.includes(`"${container}"`));
  if (level === undefined || facts === undefined || !isOurs) return undefined;

  const isShown = levelWithoutNetAdmin(facts) !== undefined;
  const own = facts.namespace.annotations[ANNOTATION.guard];
  const setBy =
    own === undefined ? `the setting guard is ${config.guard}` : `annotation ${ANNOTATION.guard} is ${own}`;
  if (isShown) {
    return fail(
      code,
      `A pod in ${name} is refused: ${setBy}, and mode block needs NET_ADMIN, which Pod Security level ${level} of the namespace's label forbids.`,
      verifyOrPrivileged(name),
    );
  }
  const others = underPodrole(all, podroleNamespace).filter(
    (one) => one !== facts && guardMode(one, config) === "block" && !(ENFORCED_LEVEL in one.namespace.labels),
  );
  const alike =
    others.length === 0
      ? ""
      : ` The same level holds for ${others.length} more in mode block without that label, unless they are exempt.`;
  const orLabel =
    (own ?? config.guard) === "auto" ? `, or ${labelLevel(name, level)}, which auto goes by` : "";
  return fail(
    code,
    `A pod in ${name} is refused by Pod Security level ${level}, which forbids the guard's NET_ADMIN. No label of the namespace shows that level: it is a default in the API server's configuration.${alike}`,
    `For mode verify: ${annotateGuard(name, "verify")}${orLabel}; or the setting guard: verify in podrole-config, for all namespaces. ${keepBlock(name)}`,
  );
}

/** The words of the PodSecurity admission plugin, such as `violates PodSecurity "baseline:latest": …`. */
const levelIn = (said: string): string | undefined =>
  /violates PodSecurity "(?<level>baseline|restricted):/.exec(said)?.groups?.["level"];
