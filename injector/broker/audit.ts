import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import { allowances, type Rate } from "../model/allowance.ts";
import type { SessionEvent } from "./broker.ts";

/** Refusals of one pod, or of one address where the pod is not known. What is more is only counted. */
const REFUSALS: Rate = { burst: 30, perSecond: 0.2 };
const KEYS_MAX = 5000;

/**
 * One line for each session that STS made, one each time that a session is given, and one for each refusal. None has a token, a key, or anything that only an unverified
 * token says. A pod that asks in a loop is refused thousands of times a second, so its lines are limited: the next line says how many
 * were left out.
 */
export function auditLog(log: Log, clock: Pick<Clock, "elapsed">): (event: SessionEvent) => void {
  const mayLog = allowances(clock, REFUSALS, KEYS_MAX);
  let leftOut = 0;
  return (event) => {
    if (event.kind !== "refused") return log.info(sessionFields(event), `session ${event.kind}`);
    if (!mayLog(event.caller?.podUid ?? event.address)) {
      leftOut += 1;
      return undefined;
    }
    log.info(leftOut > 0 ? { ...refusedFields(event), leftOut } : refusedFields(event), "session refused");
    leftOut = 0;
    return undefined;
  };
}

type Refused = SessionEvent & { readonly kind: "refused" };
type OfSession = Exclude<SessionEvent, Refused>;

const sessionFields = ({ plan, session }: OfSession) => ({
  ...plan.pod,
  identity: plan.identity,
  role: plan.role,
  rule: plan.rule,
  sessionName: plan.sessionName,
  stsRequestId: session.requestId,
  expiresAt: new Date(session.credentials.expiresAt).toISOString(),
  shared: plan.isShared,
});

function refusedFields({ error, caller, asked, address }: Refused) {
  const { code, message, kind } = error;
  const who = caller && {
    namespace: caller.namespace,
    serviceAccount: caller.serviceAccount,
    pod: caller.pod,
    podUid: caller.podUid,
  };
  return {
    code,
    reason: message,
    kind,
    ...who,
    ...(asked === undefined ? {} : { identity: asked.identity, role: asked.roleArn }),
    address,
  };
}
