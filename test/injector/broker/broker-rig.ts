import {
  broker,
  type BrokerDeps,
  type SessionEvent,
  type SessionRequest,
} from "../../../injector/broker/broker.ts";
import type { MadeSession } from "../../../injector/broker/held-sessions.ts";
import type { PodCaller } from "../../../injector/broker/token-review.ts";
import type { SessionPlan } from "../../../injector/decide/pod-session.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { config } from "../../support/config.ts";
import { credentials } from "../../support/credentials.ts";
import { BILLING, clusterOf, facts, grant } from "../../support/facts.ts";
import { handClock } from "../../support/hand-clock.ts";
import { silent } from "../../support/log-lines.ts";
import { CALLER } from "../../support/pod-token.ts";

export const POD: PodCaller = { ...CALLER, expiresAt: Date.UTC(2026, 10, 29, 13) };
export const ALLOW = grant("shop", { roles: [BILLING], namespaces: ["shop"] });
export const STATUS = JSON.stringify({ version: "1", role: BILLING, rule: "x", source: "broker" });
export const ASKED = { identity: "pod", roleArn: BILLING };

export const SESSION: MadeSession = {
  credentials: credentials({ roleArn: BILLING }),
  requestId: "request-1",
};

/** A broker to which every token is that of {@link POD}, and which may make its session. */
export function rig(over: Partial<BrokerDeps> = {}) {
  const clock = handClock();
  const outcomes: SessionEvent[] = [];
  const plans: SessionPlan[] = [];
  const steps: string[] = [];
  const ask = broker({
    reviewToken: async () => (steps.push("token"), POD),
    readPod: async () => {
      steps.push("pod");
      return { annotations: { [ANNOTATION.status]: STATUS }, podIps: ["10.0.0.1", "fd00::0001"] };
    },
    cluster: { facts: (...of) => (steps.push("facts"), clusterOf(facts({ grants: [ALLOW] })).facts(...of)) },
    excluded: new Set(),
    isFollowing: () => true,
    config: () => config(),
    issueSession: async (plan) => {
      steps.push("session");
      plans.push(plan);
      return SESSION;
    },
    clock,
    observe: (outcome) => outcomes.push(outcome),
    log: silent,
    ...over,
  });
  const request: SessionRequest = { token: "t", body: JSON.stringify(ASKED), address: "10.0.0.1" };
  return {
    clock,
    outcomes,
    plans,
    steps,
    ask: (wish: Partial<SessionRequest> = {}) => ask({ ...request, ...wish }),
  };
}
