import { type RoleArn, policyServes } from "../model/arn.ts";
import type { SessionRequest } from "./session.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { type Finding, finding } from "../model/findings.ts";
import { sharesSessions } from "./shared-sessions.ts";
import { SOURCE_KINDS } from "../sources/sources.ts";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import type { Step } from "../../sidecar/contract/session.ts";

/** STS's limit for a session that is obtained with another role's session. */
const CHAINED_MAX_SECONDS = 3600;
/** Some SDKs refresh 15 minutes before the end, so with a shorter session they fetch before every call. */
const COMFORTABLE_SECONDS = 1800;

/** The calls that lead from the source's identity to the role, or why there is no way. */
export function stepsTo(
  role: RoleArn,
  request: SessionRequest,
  config: Pick<
    InjectorConfig,
    "source" | "hubRole" | "sessionTags" | "shareSessions" | "transitiveSessionTags" | "clusterName" | "keys"
  >,
): { readonly steps: readonly Step[]; readonly findings: readonly Finding[] } {
  const needsAssumeRole = request.externalId !== undefined || request.tags !== undefined;
  const { firstCall, isRoleSession } = SOURCE_KINDS[config.source];
  const startsByAssumeRole = firstCall === "AssumeRole";
  const viaHub = config.hubRole !== undefined && (startsByAssumeRole || needsAssumeRole);
  if (!startsByAssumeRole && needsAssumeRole && !viaHub) {
    const what = request.externalId === undefined ? ANNOTATION.sessionTags : config.keys.externalId;
    const message = `The annotation ${what} needs AssumeRole, and source ${config.source} needs a hub role for that call.`;
    const remedy = "Remove the annotation, or ask a cluster admin to set hubRole in podrole-config.";
    return { steps: [], findings: [finding("HUB_ROLE_MISSING", message, remedy)] };
  }

  const chained = viaHub || isRoleSession;
  const shortened = chained && request.durationSeconds > CHAINED_MAX_SECONDS;
  const durationSeconds = shortened ? CHAINED_MAX_SECONDS : request.durationSeconds;
  const findings: Finding[] = [];
  const otherAccounts = (request.policyArns ?? []).filter((arn) => !policyServes(arn, role));
  if (otherAccounts.length > 0) {
    const message = `The annotation ${ANNOTATION.sessionPolicyArns} names policies outside the account of ${role}: ${otherAccounts.join(", ")}.`;
    const remedy =
      "Use policies of the role's account, or AWS managed policies of its partition: STS accepts no others.";
    findings.push(finding("ANNOTATION_INVALID", message, remedy));
  }
  if (shortened) {
    const message = `The session lasts 3600 seconds instead of ${request.durationSeconds}: STS limits chained sessions to one hour.`;
    findings.push(finding("SESSION_SHORTENED", message, `Set ${ANNOTATION.sessionDuration} to 1h.`));
  }
  if (durationSeconds < COMFORTABLE_SECONDS) {
    const message = `Sessions of ${durationSeconds} seconds make some SDKs fetch credentials before every call.`;
    findings.push(finding("SESSION_SHORT", message, `Set ${ANNOTATION.sessionDuration} to 1h.`));
  }

  const byAssumeRole = viaHub || startsByAssumeRole;
  const ownTags = byAssumeRole && config.sessionTags ? tagsOf(config) : {};
  const tags = { ...ownTags, ...request.tags };
  // Only the last step sets tags: if the hub's session had transitive tags, STS would refuse a call that sets them again.
  const transitiveTagKeys = [
    ...(config.transitiveSessionTags ? Object.keys(ownTags) : []),
    ...(request.transitiveTagKeys ?? []),
  ];
  const last: Step = {
    roleArn: role,
    durationSeconds,
    ...(request.externalId === undefined ? {} : { externalId: request.externalId }),
    ...(request.policy === undefined ? {} : { policy: request.policy }),
    ...(request.policyArns === undefined ? {} : { policyArns: request.policyArns }),
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
    ...(transitiveTagKeys.length === 0 ? {} : { transitiveTagKeys }),
  };
  const hub = viaHub && config.hubRole !== undefined ? [{ roleArn: config.hubRole }] : [];
  return { steps: [...hub, last], findings };
}

/**
 * Which pod a session belongs to, by the tags that EKS Pod Identity uses; of a shared session, which service account. They are
 * transitive, as in EKS: an app whose role may tag sessions could otherwise assume the next role under another pod's name.
 */
const tagsOf = (
  config: Pick<InjectorConfig, "source" | "shareSessions" | "clusterName">,
): Readonly<Record<string, string>> => ({
  ...(config.clusterName === undefined ? {} : { "kubernetes-cluster-name": config.clusterName }),
  "kubernetes-namespace": "{namespace}",
  "kubernetes-service-account": "{serviceAccount}",
  ...(sharesSessions(config) ? {} : { "kubernetes-pod-name": "{pod}", "kubernetes-pod-uid": "{podUid}" }),
});
