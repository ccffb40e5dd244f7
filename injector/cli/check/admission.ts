import { NAMESPACE_LABEL } from "../../../sidecar/contract/annotations.ts";
import { fieldsIn, own, recordsIn, type Fields } from "../../model/read.ts";
import type { Attempt, CheckFacts, DryRun } from "./facts.ts";
import { injectorVersionCheck } from "./injector.ts";
import type { PodOutcome } from "../../review/admit-pod.ts";
import { amountsOf, writeAmount, type Requirements } from "../../model/resource-amounts.ts";
import { guardModeIn } from "../../model/own-form.ts";
import type { Container } from "../../model/pod.ts";
import { isPodroleContainer } from "../../model/user-containers.ts";
import { underPodrole } from "./namespaces.ts";
import { refusedByLevel } from "./refused-by-level.ts";
import { fail, judged, ok, skip, type CheckCode, type CheckResult, type Results } from "./result.ts";

/** Containers that start before the app's; with what is started, where that is known. */
const startOf = (pod: Fields, withImages: boolean): readonly string[] =>
  recordsIn(fieldsIn(pod, "spec"), "initContainers").map(
    (one) => String(own(one, "name")) + (withImages ? ` (${String(own(one, "image"))})` : ""),
  );

/** The API server says Forbidden for both: what a user may not do, and what admission does not let in. */
const mayNot = (said: string): boolean => /cannot create resource|User ".*" cannot/.test(said);
const webhookFailed = (said: string): boolean => /failed calling webhook|failed to call webhook/.test(said);

/** The ResourceQuota plugin's words. */
const byQuota = (said: string): boolean => /exceeded quota|failed quota/.test(said);

/** What podrole's containers add to what a quota counts. The guard counts only where it is larger than all others together. */
function costOf(expected: PodOutcome): string {
  const containers =
    expected.kind === "inject" ? (expected.after.spec.initContainers ?? []).filter(isPodroleContainer) : [];
  const amounts = containers.map(({ name, ...container }) => {
    const { requests, limits } = container["resources"] as Requirements;
    return `${name} has ${amountsOf({ requests, limits }).map(writeAmount).join(",")}`;
  });
  return `Of the pod, ${amounts.join(", and ")}.`;
}

function unasked(code: CheckCode, attempt: Attempt): CheckResult | undefined {
  if (attempt.kind === "unanswered") return skip(code, attempt.why);
  if (attempt.kind === "refused" && mayNot(attempt.said))
    return skip(code, `the kubeconfig's user may not create pods: ${attempt.said}`);
  return undefined;
}

export const dryRunCheck = (facts: CheckFacts): Results => {
  const code = "DRY_RUN";
  const { dryRuns, namespaces, podroleNamespace, tryIn } = facts;
  const ours = namespaces.kind === "found" ? underPodrole(namespaces.value, podroleNamespace) : undefined;
  if (tryIn !== undefined && ours?.every(({ namespace }) => namespace.name !== tryIn) === true) {
    const remedy = `kubectl label namespace ${tryIn} ${NAMESPACE_LABEL.key}=${NAMESPACE_LABEL.value}, or choose another -n.`;
    return fail(code, `Namespace ${tryIn} is not under podrole, so no pod was tried there.`, remedy);
  }
  const known = facts.configProblem === undefined && isOfThisVersion(facts);
  const none = skip(code, "no namespace is under podrole");
  return judged(code, dryRuns, none, (runs) =>
    runs.map((run) => refusedByLevel(code, run, facts) ?? judgeGood(run, known)),
  );
};

/** Whether what an injector without an --image injects is known. */
const isOfThisVersion = (facts: CheckFacts): boolean =>
  [injectorVersionCheck(facts)].flat().every(({ status }) => status === "ok");

function judgeGood({ namespace, expected, withRole, good }: DryRun, imagesKnown: boolean): CheckResult {
  const code = "DRY_RUN";
  const not = unasked(code, good);
  if (not !== undefined) return not;
  if (good.kind !== "made") {
    const said = good.kind === "refused" ? good.said.replace(/\.$/, "") : "";
    return webhookFailed(said)
      ? fail(
          code,
          `The API server cannot call the injector for a pod in ${namespace}: ${said}.`,
          "See the checks of Service, certificate and caBundle above, and whether a network policy keeps the API server out.",
        )
      : fail(
          code,
          `A pod in ${namespace} with no fault in it is refused: ${said}.`,
          byQuota(said)
            ? `Raise the quota there. ${costOf(expected)}`
            : "podrole explain shows what podrole decides; the message names who refused.",
        );
  }
  return judgeMade(namespace, good.object, expected, { withRole, imagesKnown });
}

function judgeMade(
  namespace: string,
  object: Fields,
  expected: PodOutcome,
  { withRole, imagesKnown }: { readonly withRole: boolean; readonly imagesKnown: boolean },
): CheckResult {
  const code = "DRY_RUN";
  if (expected.kind !== "inject") {
    const codes = expected.findings.map((one) => one.code).join(", ");
    return fail(
      code,
      `A pod in ${namespace} was admitted, which this version would not do (${codes || expected.kind}).`,
      "See INJECTOR_VERSION and INJECTOR_OPTIONS.",
    );
  }
  const wanted = startOf(expected.after, imagesKnown);
  const got = startOf(object, imagesKnown);
  if (got.length === 0 && wanted.length > 0) {
    return fail(
      code,
      `A pod in ${namespace} came back without guard and sidecar: the webhook was not called.`,
      "A webhook that was registered just now takes some seconds: try again with --wait.",
    );
  }
  if (wanted.some((one, index) => got[index] !== one)) {
    return fail(
      code,
      `A pod in ${namespace} starts with ${got.join(", ")}, and not with ${wanted.join(", ")}.`,
      "Another webhook may put containers first, or the injector may run with another --image than its Deployment says.",
    );
  }
  const containers = recordsIn(fieldsIn(object, "spec"), "initContainers") as readonly Container[];
  const mode = guardModeIn({ initContainers: containers });
  if (mode !== expected.guard) {
    return fail(
      code,
      `The guard of a pod in ${namespace} is in mode ${mode ?? "off"}, and not in mode ${expected.guard ?? "off"}.`,
      "The injector may not know the newest labels and annotations of the namespace yet: try again. See INJECTOR_VERSION and INJECTOR_OPTIONS, too.",
    );
  }
  const inMode = mode === undefined ? "" : `; the guard is in mode ${mode}`;
  const role = withRole ? "" : "; without a role, since the rules there do not allow the one that is tried";
  return ok(code, `A pod tried in ${namespace} starts with ${wanted.join(", ")}${inMode}${role}.`);
}

export const dryRunDeniedCheck = ({ dryRuns }: CheckFacts): Results => {
  const code = "DRY_RUN_DENIED";
  const none = skip(code, "no namespace is under podrole");
  return judged(code, dryRuns, none, (runs) => runs.map(judgeBad));
};

function judgeBad({ namespace, bad }: DryRun): CheckResult {
  const code = "DRY_RUN_DENIED";
  const not = unasked(code, bad);
  if (not !== undefined) return not;
  if (bad.kind === "refused") {
    return webhookFailed(bad.said)
      ? skip(code, "the injector does not answer, so every pod is refused")
      : ok(code, `A pod with NET_ADMIN is denied in ${namespace}.`);
  }
  return fail(
    code,
    `A pod with NET_ADMIN is admitted to ${namespace}: it can undo the guard.`,
    "See the checks of the webhook and of the admission policy above.",
  );
}
