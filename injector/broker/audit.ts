import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import { allowances, type Rate } from "../model/allowance.ts";
import type { SessionOutcome } from "./broker.ts";

/** Refusals of one pod, or of one address where the pod is not known. What is more is only counted. */
const REFUSALS: Rate = { burst: 30, perSecond: 0.2 };
const KEYS_MAX = 5000;

/**
 * One line for each session that was given, and one for each refusal. None has a token, a key, or anything that only an unverified
 * token says. A pod that asks in a loop is refused thousands of times a second, so its lines are limited: the next line says how many
 * were left out.
 */
export function auditLog(log: Log, clock: Pick<Clock, "elapsed">): (outcome: SessionOutcome) => void {
  const mayLog = allowances(clock, REFUSALS, KEYS_MAX);
  let leftOut = 0;
  return (outcome) => {
    if (outcome.kind === "given") return log.info(givenFields(outcome), titleOf(outcome));
    if (!mayLog(outcome.caller?.podUid ?? outcome.address)) {
      leftOut += 1;
      return undefined;
    }
    log.info(
      leftOut > 0 ? { ...refusedFields(outcome), leftOut } : refusedFields(outcome),
      "session refused",
    );
    leftOut = 0;
    return undefined;
  };
}

type Given = SessionOutcome & { readonly kind: "given" };
type Refused = SessionOutcome & { readonly kind: "refused" };

const titleOf = ({ issued }: Given): string => (issued.made ? "session made" : "session given again");

const givenFields = ({ plan, issued }: Given) => ({
  ...plan.pod,
  identity: plan.identity,
  role: plan.role,
  rule: plan.rule,
  sessionName: plan.sessionName,
  stsRequestId: issued.requestId,
  expiresAt: new Date(issued.credentials.expiresAt).toISOString(),
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
