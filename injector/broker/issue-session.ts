import type { Clock } from "../../sidecar/kit/clock.ts";
import { within } from "../../sidecar/kit/within.ts";
import { IssueError } from "../../sidecar/sts/issue-error.ts";
import type { SessionPlan } from "../decide/pod-session.ts";
import { BusyError } from "./busy.ts";
import type { CallQueue } from "./call-queue.ts";
import type { HeldSessions, MadeSession } from "./held-sessions.ts";
import { sessionKey } from "./session-key.ts";

/**
 * A session for a plan that was just decided upon.
 * @throws IssueError STS's refusal, or why STS could not be asked; of them BusyError
 */
export type IssueSession = (plan: SessionPlan) => Promise<MadeSession>;

export interface IssueDeps {
  /** The calls to STS. */
  readonly makeSession: (plan: SessionPlan) => Promise<MadeSession>;
  readonly queue: CallQueue;
  readonly held: HeldSessions;
  readonly clock: Pick<Clock, "sleep">;
  /** Called with every session that STS has made, whether or not anybody still waits for it. */
  readonly onMade: (plan: SessionPlan, session: MadeSession) => void;
}

/** Less than a sidecar waits for the broker. */
const PATIENCE_MS = 8000;

/**
 * Gives a session that is held and has most of its life before it; else makes one, once however many ask. While STS cannot answer, it
 * gives what is held until that expires. STS's refusal ends that: the session is dropped.
 *
 * Who has waited for long is told to come again. The session is made all the same, and is there when they do.
 */
export function sessionIssuer({ makeSession, queue, held, clock, onMade }: IssueDeps): IssueSession {
  const underWay = new Map<string, Promise<MadeSession>>();

  const make = async (key: string, plan: SessionPlan): Promise<MadeSession> => {
    try {
      const session = await queue.run(plan.pod.namespace, () => makeSession(plan));
      held.put(key, session);
      onMade(plan, session);
      return session;
    } catch (error) {
      if (error instanceof IssueError && error.kind === "definite") held.drop(key);
      throw error;
    } finally {
      underWay.delete(key);
    }
  };
  const madeOnce = (key: string, plan: SessionPlan): Promise<MadeSession> => {
    const already = underWay.get(key);
    if (already !== undefined) return already;
    const making = make(key, plan);
    underWay.set(key, making);
    return making;
  };
  const busy = (): BusyError =>
    new BusyError(
      "The session is being made, but others come first.",
      "Nothing to do: the sidecar tries again.",
      queue.waitMs(),
    );

  return async (plan) => {
    const key = sessionKey(plan);
    const fresh = held.fresh(key);
    if (fresh !== undefined) return fresh;
    try {
      return await within(madeOnce(key, plan), PATIENCE_MS, clock, busy);
    } catch (error) {
      const isRefusal = error instanceof IssueError && error.kind === "definite";
      const session = isRefusal ? undefined : held.get(key);
      if (session === undefined) throw error;
      return session;
    }
  };
}
