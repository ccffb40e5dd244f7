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
  /** Where STS has told the broker's identity. */
  readonly ownPlace: () => StsPlace;
  readonly sts: Pick<StsCalls, "at">;
  readonly sourceIdentities: (assumeRole: AssumeRole) => AssumeRole;
  readonly budget: Pick<CallBudget, "spend" | "throttled">;
}

/**
 * From the broker's own keys by the steps of the plan to the role. The queue has counted the first call.
 * @throws IssueError
 */
export function sessionMaker({ ownKeys, ownPlace, sts, sourceIdentities, budget }: MakeDeps) {
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
        if (error instanceof IssueError && error.kind === "throttled") budget.throttled();
        throw calls === 1 ? aboutOwnKeys(error, plan, ownPlace()) : error;
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

/** Elsewhere than where the keys are known to be valid, STS says the same of those that are: it does so where a region is not enabled. */
function aboutOwnKeys(error: unknown, { region, endpoint }: SessionPlan, own: StsPlace): unknown {
  if (!(error instanceof IssueError && isOfKeys(error))) return error;
  const isOwnPlace = region === own.region && endpoint === own.endpoint;
  if (isOwnPlace || error.kind !== "definite") return identityUnavailable(error.code);
  const { code, message, kind } = error;
  const remedy = `See whether region ${region} is enabled in the AWS account of the broker's identity. If it is not, set podrole.dev/region, or have a cluster admin set region, to one that is.`;
  return new IssueError(code, message, { kind, remedy });
}
