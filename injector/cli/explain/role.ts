import { isDeepStrictEqual } from "node:util";
import type { Facts } from "../../model/facts.ts";
import { serviceAccountOf, type Pod } from "../../model/pod.ts";
import { resolveRole, type ResolvedRole } from "../../decide/role.ts";
import { holding, type Around, type Candidate, type Step } from "./step.ts";
import { annotation } from "../../model/annotations.ts";

/** Which role was asked for, and what else could have named one. */
export function roleStep(resolved: ResolvedRole, around: Around): Step {
  const step = (answer: string, because: string): Step => ({
    id: "role",
    question: "Which role does it ask for?",
    answer,
    because,
    considered: candidates(resolved, around),
  });
  switch (resolved.kind) {
    case "none":
      return step("none", "nothing names one");
    case "role":
      return step(resolved.arn, `${resolved.from}, the first that is set`);
    case "invalid":
      return step("none that can be used", resolved.findings.map(({ message }) => message).join(" "));
  }
}

/**
 * In the order of the decision. Each candidate's answer comes from the decision's own function, called with that
 * candidate alone, so that no second parser of an annotation can disagree with the first.
 */
function candidates(answer: ResolvedRole, { pod, facts, config, where }: Around): readonly Candidate[] {
  const { serviceAccount, namespace, grants } = facts;
  const silentPod: Pod = { ...pod, metadata: {} };
  const silent: Facts = {
    namespace: { ...namespace, annotations: {} },
    serviceAccount: undefined,
    grants: [],
    limitRanges: [],
  };
  const { keys } = config;
  const noDefault = { ...config, defaultRole: undefined };
  const account = serviceAccountOf(pod);
  const byGrant = resolveRole(silentPod, { ...silent, grants }, noDefault);

  const candidate = (
    name: string,
    holds: string | null | undefined,
    alone: ResolvedRole,
    absent = "not set",
  ): Candidate => {
    const decided = alone.kind !== "none" && isDeepStrictEqual(alone, answer);
    return { name, ...holding(holds), result: resultOf(alone, decided, absent), decided };
  };
  return [
    candidate(
      `annotation ${keys.role} of the pod`,
      annotation(pod.metadata?.annotations, keys.role),
      resolveRole(pod, silent, noDefault),
    ),
    candidate(
      `annotation ${keys.serviceAccountRole} of service account ${account}`,
      annotation(serviceAccount?.annotations, keys.serviceAccountRole),
      resolveRole(silentPod, { ...silent, serviceAccount }, noDefault),
      serviceAccount === undefined ? `not set: the ${where} has no such service account` : undefined,
    ),
    candidate(
      byGrant.kind === "role" ? byGrant.from : "default of a RoleGrant",
      byGrant.kind === "role" ? byGrant.arn : undefined,
      byGrant,
      grants.length === 0 ? "there are none" : `none for ${namespace.name}/${account} has one`,
    ),
    candidate(
      `annotation ${keys.namespaceDefaultRole} of namespace ${namespace.name}`,
      annotation(namespace.annotations, keys.namespaceDefaultRole),
      resolveRole(silentPod, { ...silent, namespace }, noDefault),
    ),
    candidate("the setting defaultRole", config.defaultRole, resolveRole(silentPod, silent, config)),
  ];
}

function resultOf(alone: ResolvedRole, decided: boolean, absent: string): string {
  switch (alone.kind) {
    case "none":
      return absent;
    case "role":
      return decided ? "taken" : "passed over, an earlier one is set";
    case "invalid":
      return decided ? "names no role, which ends the search" : "names no role, but an earlier one is set";
  }
}
