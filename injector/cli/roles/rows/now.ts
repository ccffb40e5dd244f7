import { coded } from "../../../../sidecar/kit/errors.ts";
import { containerIdentity, POD_IDENTITY } from "../../../../sidecar/contract/session.ts";
import type { InjectorConfig } from "../../../config/installation.ts";
import { decide } from "../../../decide/decide.ts";
import type { Requester } from "../../../decide/pod-kinds.ts";
import { policyMode } from "../../../decide/identities.ts";
import { namespaceSettings } from "../../../decide/namespace-settings.ts";
import { podSession } from "../../../decide/pod-session.ts";
import { decideRole, type RoleDecision } from "../../../decide/policy.ts";
import { requestedRoles } from "../../../decide/requested-roles.ts";
import { observing } from "../../../decide/trace.ts";
import type { RoleArn } from "../../../model/arn.ts";
import type { Facts } from "../../../model/facts.ts";
import { serviceAccountOf, type Pod } from "../../../model/pod.ts";
import { own, stringMap } from "../../../model/read.ts";
import type { Now, RoleRow } from "./row.ts";

/** A role that a pod would get if it were made now. */
export interface Wanted {
  readonly role: RoleArn;
  readonly from: string;
  readonly decision: RoleDecision;
}

/** The roles that a pod would ask for if it were made now, by identity, as the webhook decides about each. Pure. */
export function wantedRoles(
  pod: Pod,
  facts: Facts,
  config: InjectorConfig,
  requester: Requester,
): ReadonlyMap<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  let asked: { readonly role: RoleArn; readonly from: string } | undefined;
  decide(pod, facts, config, requester, ({ question, answer }) => {
    if (question === "role" && answer.kind === "role") asked = { role: answer.arn, from: answer.from };
    if (question === "policy" && asked !== undefined)
      wanted.set(POD_IDENTITY, { ...asked, decision: answer.decision });
    if (question === "container") {
      const { container, role, from, policy } = answer;
      wanted.set(containerIdentity(container), { role, from, decision: policy.decision });
    }
  });
  return wanted;
}

export interface Held {
  readonly identity: string;
  readonly role: RoleArn;
  /** By the pod's status. */
  readonly source: string;
}

/**
 * What the rules of this moment say about a role that a pod has: for source broker by the broker's own function, for the others by the
 * webhook's. Pure.
 * @param facts undefined where the user may not read them
 */
export function nowOf(
  { identity, role, source }: Held,
  pod: Pod,
  facts: Facts | Error | undefined,
  config: InjectorConfig,
): Pick<RoleRow, "now" | "broker"> {
  if (facts === undefined) return { now: { kind: "unknown", why: "The rules may not be read." } };
  if (facts instanceof Error) return { now: { kind: "unknown", why: coded(facts).message } };
  if (source === "broker") return byBroker(identity, role, pod, facts, config);
  const mode = policyMode({ policy: config.policy, source: namespaceSettings(facts, config).source });
  const decision = decideRole(role, facts, serviceAccountOf(pod), mode, config);
  return {
    now: decision.allowed ? unchanged(identity, role, decision.rule, pod, facts, config) : refused(decision),
  };
}

function byBroker(
  identity: string,
  role: RoleArn,
  pod: Pod,
  facts: Facts,
  config: InjectorConfig,
): Pick<RoleRow, "now" | "broker"> {
  const metadata = pod.metadata ?? {};
  const answer = podSession({
    asked: { identity, roleArn: role },
    pod: {
      namespace: facts.namespace.name,
      serviceAccount: serviceAccountOf(pod),
      pod: String(own(metadata, "name")),
      podUid: String(own(metadata, "uid")),
    },
    annotations: stringMap(metadata.annotations),
    facts,
    config,
  });
  if (answer.kind === "refused") {
    const { code, message, byRule: ends } = answer.refusal;
    return { now: { kind: "refused", code, message, ends } };
  }
  const { rule, sessionName, isShared } = answer.plan;
  return { now: unchanged(identity, role, rule, pod, facts, config), broker: { sessionName, isShared } };
}

/** Allowed; unless the next pod asks for another role or none, since an annotation or a grant names another one by now. */
function unchanged(
  identity: string,
  role: RoleArn,
  rule: string,
  pod: Pod,
  facts: Facts,
  config: InjectorConfig,
): Now {
  const { podRole, containers } = requestedRoles(pod, facts, config, observing(undefined));
  const wanted =
    identity === POD_IDENTITY
      ? podRole
      : containers.find(({ container }) => containerIdentity(container) === identity)?.resolved;
  if (wanted === undefined) return { kind: "no-role" };
  const { arn, from } = wanted;
  return arn === role ? { kind: "allowed", rule } : { kind: "other-role", role: arn, from };
}

export function refused({ findings }: RoleDecision): Now {
  const denial = findings.find(({ severity }) => severity === "deny");
  const [code, message] = [denial?.code ?? "ROLE_NOT_ALLOWED", denial?.message ?? "The role is not allowed."];
  return { kind: "refused", code, message, ends: false };
}
