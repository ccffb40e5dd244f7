import { containerIdentity, POD_IDENTITY, type Step } from "../../sidecar/contract/session.ts";
import { partitionOf, type RoleArn } from "../model/arn.ts";
import type { Facts } from "../model/facts.ts";
import type { InjectorConfig, PolicyMode } from "../config/installation.ts";
import type { ContainerRole } from "./container-roles.ts";
import { finding, type Finding } from "../model/findings.ts";
import { serviceAccountOf, type Pod } from "../model/pod.ts";
import { decideRole } from "./policy.ts";
import type { ResolvedRole } from "./role.ts";
import { type SessionRequest } from "./session.ts";
import type { SessionNameDecision } from "./session-name.ts";
import type { Observe } from "./trace.ts";
import { SOURCE_KINDS } from "../sources/sources.ts";
import { stepsTo } from "./steps.ts";

/** One role, how it is reached, and the containers it is for. */
export interface IdentityIntent {
  readonly name: string;
  readonly role: RoleArn;
  /** What named the role, and which rule allowed it. */
  readonly from: string;
  readonly rule: string;
  readonly steps: readonly Step[];
  /** Names of the user's containers that get this identity's token; a container is in one identity at most. */
  readonly containers: readonly string[];
}

type Resolved = Extract<ResolvedRole, { kind: "role" }>;

export interface IdentitiesInput {
  readonly pod: Pod;
  /** The pod's own role, where it has one. */
  readonly podRole: Resolved | undefined;
  readonly containers: readonly ContainerRole[];
  /** Names of the containers that get credentials. */
  readonly exposed: readonly string[];
  readonly request: SessionRequest;
  readonly sessionName: SessionNameDecision;
  readonly requestProblems: readonly Finding[];
  readonly facts: Facts;
  readonly config: InjectorConfig;
}

/** The mode in which a role is decided in namespaces of this source. */
export function policyMode({ policy, source }: Pick<InjectorConfig, "policy" | "source">): PolicyMode {
  const { alwaysEnforces, defaultPolicy } = SOURCE_KINDS[source];
  return alwaysEnforces ? "enforce" : (policy ?? defaultPolicy);
}

/**
 * Decides every role of the pod separately, by the same rules. The pod's own role has an identity even if all containers
 * have other roles: a container that another webhook adds later gets it.
 */
export function intendIdentities(
  {
    pod,
    podRole,
    containers,
    exposed,
    request,
    sessionName,
    requestProblems,
    facts,
    config,
  }: IdentitiesInput,
  observe: Observe,
): { readonly identities: readonly IdentityIntent[]; readonly findings: readonly Finding[] } {
  const mode = policyMode(config);
  const account = serviceAccountOf(pod);
  const decided = (name: string, { arn: role, from }: Resolved, served: readonly string[]) => {
    const decision = decideRole(role, facts, account, mode, config);
    const { steps, findings: problems } = stepsTo(role, request, config);
    const identities: readonly IdentityIntent[] = decision.allowed
      ? [{ name, role, from, rule: decision.rule, steps, containers: served }]
      : [];
    return { policy: { mode, decision }, steps, problems, identities };
  };
  const identities: IdentityIntent[] = [];
  const findings: Finding[] = [];
  if (podRole !== undefined) {
    const withOwnRole = new Set(containers.map(({ container }) => container));
    const rest = exposed.filter((name) => !withOwnRole.has(name));
    const { policy, steps, problems, identities: allowed } = decided(POD_IDENTITY, podRole, rest);
    observe("policy", policy);
    observe("session", { request, sessionName, steps, findings: [...requestProblems, ...problems] });
    findings.push(...podRole.findings, ...policy.decision.findings, ...problems);
    identities.push(...allowed);
  }
  for (const { container, resolved } of containers) {
    const {
      policy,
      problems,
      identities: allowed,
    } = decided(containerIdentity(container), resolved, [container]);
    observe("container", { container, role: resolved.arn, from: resolved.from, policy });
    const named = (one: Finding): Finding => ({ ...one, message: `Container ${container}: ${one.message}` });
    findings.push(...[...policy.decision.findings, ...problems].map(named));
    identities.push(...allowed);
  }
  return { identities, findings: [...findings, ...partitionMismatches(identities)] };
}

/** The sidecar calls STS in one region, and a region is in one partition. */
function partitionMismatches([first, ...others]: readonly IdentityIntent[]): readonly Finding[] {
  if (first === undefined) return [];
  return others
    .filter(({ role }) => partitionOf(role) !== partitionOf(first.role))
    .map(({ role }) => {
      const message = `The role ${role} is in another AWS partition than ${first.role}.`;
      return finding("ANNOTATION_INVALID", message, "Give a pod roles of one partition.");
    });
}
