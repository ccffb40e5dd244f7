import { issuerOf } from "../../sidecar/sts/chain.ts";
import type { Keys } from "../../sidecar/sts/client.ts";
import { IssueError } from "../../sidecar/sts/issue-error.ts";
import type { AssumeRole } from "../../sidecar/sts/role-request.ts";
import type { SessionPlan } from "../decide/pod-session.ts";
import type { CallBudget } from "./call-budget.ts";
import type { MadeSession } from "./held-sessions.ts";
import { identityUnavailable } from "./own-identity.ts";
import type { StsCalls, StsPlace } from "./sts-calls.ts";

export interface MakeDeps {
  /** The broker's own. @throws IssueError `BROKER_IDENTITY_UNAVAILABLE` */
  readonly ownKeys: () => Keys;
  /** Where the broker calls STS for its own identity. */
  readonly ownPlace: () => StsPlace;
  /** Asks STS there whether it accepts the broker's own keys. */
  readonly areOwnKeysAccepted: () => Promise<boolean>;
  readonly sts: Pick<StsCalls, "at">;
  readonly sourceIdentities: (assumeRole: AssumeRole) => AssumeRole;
  readonly budget: Pick<CallBudget, "spend" | "throttled">;
}

/**
 * From the broker's own keys by the steps of the plan to the role. The queue has counted the first call.
 * @throws IssueError
 */
export function sessionMaker(deps: MakeDeps) {
  const { ownKeys, sts, sourceIdentities, budget } = deps;
  return async (plan: SessionPlan): Promise<MadeSession> => {
    let calls = 0;
    let requestId: string | undefined;
    const called = await sts.at(plan, (id) => {
      requestId = id;
    });
    const counted: AssumeRole = async (request) => {
      if (calls > 0) budget.spend();
      calls += 1;
      try {
        return await called(request);
      } catch (error) {
        if (!(error instanceof IssueError)) throw error;
        if (error.kind === "throttled") budget.throttled();
        throw calls === 1 && isOfKeys(error) ? await aboutOwnKeys(error, plan, deps) : error;
      }
    };
    const last = plan.steps.at(-1);
    const assumeRole: AssumeRole = (request) =>
      sourceIdentities(counted)(
        request.step === last && plan.sourceIdentity !== undefined
          ? { ...request, sourceIdentity: plan.sourceIdentity }
          : request,
      );
    const { identity, steps, sessionName } = plan;
    const chain = { identity, steps, sessionName, assumeRole };
    const issue = issuerOf(async () => ({ kind: "keys", keys: ownKeys() }), chain);
    return { credentials: await issue(), requestId };
  };
}

/** Refusals that say nothing about the pod, nor about its role: the broker's own keys are of no use. */
const OF_KEYS: ReadonlySet<string> = new Set([
  "InvalidClientTokenId",
  "UnrecognizedClientException",
  "ExpiredToken",
  "ExpiredTokenException",
  "SignatureDoesNotMatch",
  "InvalidSignatureException",
]);

/** A signature may also be refused for its time, which passes. */
const isOfKeys = ({ code, kind }: IssueError): boolean =>
  OF_KEYS.has(code) && (kind === "definite" || code.startsWith("ExpiredToken"));

/**
 * Where a region is not enabled, STS says the same of valid keys. But only if it accepts them in the broker's own region, the pod's is at
 * fault: nothing else shows that they are valid still.
 */
async function aboutOwnKeys(
  error: IssueError,
  { region, endpoint }: SessionPlan,
  { ownPlace, areOwnKeysAccepted, budget }: MakeDeps,
): Promise<IssueError> {
  const { code, message, kind } = error;
  const own = ownPlace();
  if (kind !== "definite" || (region === own.region && endpoint === own.endpoint))
    return identityUnavailable(code);
  budget.spend();
  if (!(await areOwnKeysAccepted())) return identityUnavailable(code);
  const remedy = `See whether region ${region} is enabled in the AWS account of the broker's identity. If it is not, set podrole.dev/region, or have a cluster admin set region, to one that is.`;
  return new IssueError(code, message, { kind, remedy });
}
