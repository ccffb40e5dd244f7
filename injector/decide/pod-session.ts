import { ANNOTATION, NAMESPACE_LABEL } from "../../sidecar/contract/annotations.ts";
import type { SessionAsked } from "../../sidecar/contract/broker.ts";
import { sessionName, type PodIdentity } from "../../sidecar/kit/session-name.ts";
import { timedSteps, type TimedStep } from "../../sidecar/kit/timed-steps.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { stsEndpointOf } from "../config/sts-endpoint.ts";
import { stsProxyOf } from "../config/sts-proxy.ts";
import { fallbackRegion, type RoleArn } from "../model/arn.ts";
import { isLabelled, type Facts } from "../model/facts.ts";
import type { Finding } from "../model/findings.ts";
import { policyMode } from "./identities.ts";
import { podStatus } from "./pod-status.ts";
import { decideRole } from "./policy.ts";
import { decideSessionName } from "./session-name.ts";
import { sessionRequest } from "./session.ts";
import { sharesSessions } from "./shared-sessions.ts";
import { stepsTo } from "./steps.ts";

/** A session that the broker may make for a pod: all that STS has to be told. */
export interface SessionPlan {
  readonly pod: PodIdentity;
  readonly identity: string;
  readonly role: RoleArn;
  /** Which rule allows it. */
  readonly rule: string;
  readonly sessionName: string;
  /** Each an AssumeRole, with placeholders filled in: from the broker's identity to the role. */
  readonly steps: readonly TimedStep[];
  /** Of the last step; undefined where the settings want none. */
  readonly sourceIdentity: string | undefined;
  /** Where STS is called, and what is trusted there beside the public roots, PEM. */
  readonly region: string;
  readonly endpoint: string;
  readonly proxy: string | undefined;
  readonly ca: string | undefined;
  /** Whether other pods of the service account may get the same session. */
  readonly isShared: boolean;
}

export type PodSession =
  | { readonly kind: "plan"; readonly plan: SessionPlan }
  | {
      readonly kind: "refused";
      readonly refusal: {
        readonly code: string;
        readonly message: string;
        readonly remedy: string;
        /** Whether a rule forbids it: then the session that the pod has ends, too. */
        readonly byRule: boolean;
      };
    };

export interface PodSessionInput {
  readonly asked: SessionAsked;
  /** As the pod's token has it. */
  readonly pod: PodIdentity;
  /** The pod's, as the API server has them. */
  readonly annotations: Readonly<Record<string, string>>;
  /** The service account and the LimitRanges are not looked at. */
  readonly facts: Facts;
  readonly config: InjectorConfig;
}

/**
 * Decides about one session of a running pod, each time anew. The role is the one that the pod was created with; whether its service
 * account may use it is decided by the rules of now, in mode `enforce`. Pure.
 */
export function podSession({
  asked,
  pod,
  annotations,
  facts,
  config: settings,
}: PodSessionInput): PodSession {
  // The namespace's source may be another one by now. The pod keeps the one that it was created with.
  const config: InjectorConfig = { ...settings, source: "broker" };
  const status = podStatus(annotations);
  const role = status?.roles.get(asked.identity);
  if (status?.source !== config.source) return notInjected(pod, status?.source);
  if (role === undefined || role !== asked.roleArn) return notOfPod(asked, pod, role);
  if (!isLabelled(facts)) return notLabelled(pod);

  const decision = decideRole(role, facts, pod.serviceAccount, policyMode(config), config);
  const { request, nameKey, findings: requestProblems } = sessionRequest(annotations, config);
  const name = decideSessionName({
    template: request.sessionName,
    key: nameKey,
    roles: [...status.roles.values()],
    facts,
    serviceAccount: pod.serviceAccount,
    config,
  });
  const { steps, findings: stepProblems } = stepsTo(role, request, config);
  const denial = [...decision.findings, ...requestProblems, ...name.findings, ...stepProblems].find(
    ({ severity }) => severity === "deny",
  );
  const isReadable = decision.findings.every(({ code }) => code !== "POLICY_RULE_INVALID");
  if (denial !== undefined || !decision.allowed) return refusedBy(denial, pod, isReadable);

  // By an annotation, a session may have the pod's own name also where others are shared.
  const isShared = sharesSessions(config) && !NAMES_THE_POD.test(request.sessionName);
  // A part of the name that does not fit is replaced by a hash, which must not tell pods apart that share a session.
  const named = isShared ? { ...pod, podUid: "" } : pod;
  const region = request.region ?? fallbackRegion(role);
  const endpoint = stsEndpointOf(region, config);
  return {
    kind: "plan",
    plan: {
      pod,
      identity: asked.identity,
      role,
      rule: decision.rule,
      sessionName: sessionName(request.sessionName, named),
      steps: timedSteps(steps, pod),
      sourceIdentity: config.sourceIdentity ? sourceIdentityOf(pod) : undefined,
      region,
      endpoint,
      proxy: stsProxyOf(endpoint, config),
      ca: config.stsCa,
      isShared,
    },
  };
}

const NAMES_THE_POD = /\{pod(?:Uid)?\}/;

/** A namespace's name has no dot, so the first one ends it. */
export const sourceIdentityOf = ({
  namespace,
  serviceAccount,
}: Pick<PodIdentity, "namespace" | "serviceAccount">): string =>
  sessionName("{namespace}.{serviceAccount}", { namespace, serviceAccount, pod: "", podUid: "" });

const refused = (code: string, message: string, remedy: string, byRule = false): PodSession => ({
  kind: "refused",
  refusal: { code, message, remedy, byRule },
});

/** All others say that something cannot be read, or is too much: a newer version may find it so in pods that have long run. */
const OF_RULES: ReadonlySet<string> = new Set([
  "ROLE_NOT_ALLOWED",
  "ROLE_DENIED_BY_GRANT",
  "SESSION_NAME_FORBIDDEN",
]);

/** @param isReadable whether every rule is: one with a slip of the pen in it was not withdrawn */
const refusedBy = (denial: Finding | undefined, pod: PodIdentity, isReadable: boolean): PodSession =>
  denial === undefined
    ? refused("ROLE_NOT_ALLOWED", `Pod ${placeOf(pod)} may not use its role.`, "Ask a cluster admin.")
    : refused(denial.code, denial.message, denial.remedy, isReadable && OF_RULES.has(denial.code));

const placeOf = ({ namespace, pod }: PodIdentity): string => `${namespace}/${pod}`;

function notInjected(pod: PodIdentity, source: string | undefined): PodSession {
  const why =
    source === undefined
      ? `has no annotation ${ANNOTATION.status} of podrole's webhook`
      : `was created for source ${source}`;
  return refused(
    "POD_NOT_INJECTED",
    `Pod ${placeOf(pod)} ${why}, so the broker makes no session for it.`,
    "Delete the pod so that its controller makes it anew: the webhook then decides about it.",
  );
}

function notOfPod(
  { identity, roleArn }: SessionAsked,
  pod: PodIdentity,
  role: string | undefined,
): PodSession {
  const has = role === undefined ? `has no identity ${identity}` : `has ${role} as its identity ${identity}`;
  return refused(
    "ROLE_NOT_OF_POD",
    `Pod ${placeOf(pod)} ${has}, and ${roleArn} was asked for.`,
    `A pod gets the roles that it was created with. For another role, change its annotations in the workload and recreate it.`,
  );
}

const notLabelled = (pod: PodIdentity): PodSession =>
  refused(
    "NAMESPACE_NOT_LABELLED",
    `Namespace ${pod.namespace} has no label ${NAMESPACE_LABEL.key}=${NAMESPACE_LABEL.value}, so the broker makes no session for its pods.`,
    "Ask a cluster admin to label the namespace again.",
    true,
  );
