import { createHash } from "node:crypto";
import type { SessionPlan } from "../decide/pod-session.ts";

/**
 * The same for two plans if the session of one may be given for the other: if STS would be asked for the same, and, unless sessions are
 * shared, by the same pod. A pod that takes the name of another that is gone gets a session of its own.
 */
export function sessionKey({
  pod,
  steps,
  sessionName,
  sourceIdentity,
  region,
  endpoint,
  isShared,
}: SessionPlan): string {
  const { namespace, serviceAccount, podUid } = pod;
  const whose = [namespace, serviceAccount, isShared ? "" : podUid];
  const text = JSON.stringify([whose, steps, sessionName, sourceIdentity, region, endpoint]);
  return createHash("sha256").update(text).digest("base64");
}
