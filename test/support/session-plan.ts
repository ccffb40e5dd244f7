import type { SessionPlan } from "../../injector/decide/pod-session.ts";
import { BILLING } from "./facts.ts";

/** What the broker decides about pod `api-0` of namespace billing, except for the test's own. */
export function sessionPlan(over: Partial<SessionPlan> = {}): SessionPlan {
  const role = over.role ?? BILLING;
  return {
    pod: { namespace: "billing", serviceAccount: "reader", pod: "api-0", podUid: "uid-1" },
    identity: "pod",
    role,
    rule: "RoleGrant billing",
    sessionName: "billing.api-0",
    steps: [{ roleArn: role, durationSeconds: 3600 }],
    sourceIdentity: "billing.reader",
    region: "eu-west-1",
    endpoint: "http://127.0.0.1:9",
    proxy: undefined,
    ca: undefined,
    isShared: false,
    ...over,
  };
}
