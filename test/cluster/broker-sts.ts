import { setTimeout as delay } from "node:timers/promises";
import { frontOf, type Front, type Judgement } from "../sdk/front.ts";
import { startMoto } from "../sdk/moto.ts";

/** Of moto's account. */
export const ROLES = "arn:aws:iam::123456789012:role/";
export const BROKER_ROLE = `${ROLES}podrole-broker`;

/** A session lasts this long if its role's name begins with `short`. */
const SHORT_SECONDS = 6;
/** STS answers after this time if the role's name begins with `slow`. */
const SLOW_MS = 1500;

/** moto as STS, with trust policies, which moto itself does not have. */
export interface BrokerSts extends Front {
  /** The parameters of each call for a session of a role, by name, in their order. */
  readonly callsFor: (role: string) => readonly URLSearchParams[];
}

export async function brokerSts(): Promise<BrokerSts> {
  const moto = await startMoto();
  const calls: URLSearchParams[] = [];
  const front = await frontOf(moto.url, undefined, (call) => {
    calls.push(call);
    return judged(call);
  });
  return {
    ...front,
    callsFor: (role) => calls.filter((call) => call.get("RoleArn") === ROLES + role),
    close: async () => {
      await front.close();
      moto.stop();
    },
  };
}

/** By how the role's name begins. */
async function judged(call: URLSearchParams): Promise<Judgement> {
  const role = call.get("RoleArn") ?? "";
  const name = role.slice(ROLES.length);
  if (name.startsWith("distrusting")) return denied("sts:AssumeRole", role);
  if (name.startsWith("unsourced") && call.has("SourceIdentity"))
    return denied("sts:SetSourceIdentity", role);
  if (name.startsWith("slow")) await delay(SLOW_MS);
  return name.startsWith("short") ? { lifetimeSeconds: SHORT_SECONDS } : {};
}

const CALLER = "arn:aws:sts::123456789012:assumed-role/podrole-broker/x";

/** As STS says it. */
const denied = (action: string, role: string): Judgement => ({
  refusal: {
    code: "AccessDenied",
    message: `User: ${CALLER} is not authorized to perform: ${action} on resource: ${role}`,
  },
});
