import type { CodedError } from "../kit/errors.ts";
import { Secret } from "../kit/secret.ts";
import type { Granted } from "./answer.ts";
import { accountId } from "./arn.ts";
import { assertSessionOf } from "./assumed-role.ts";
import { CALL_TIMEOUT_MS, callSts, type ClockOffset, type StsEndpoint } from "./client.ts";
import { endByOwnClock, type Credentials } from "./credentials.ts";
import { IssueError } from "./issue-error.ts";
import { oneHourFallback } from "./one-hour.ts";
import { stsFailure } from "./refusals.ts";
import { actionOf, type AssumeRole, type RoleRequest } from "./role-request.ts";

export interface StsOptions extends StsEndpoint {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** For the whole call, including DNS. Default {@link CALL_TIMEOUT_MS}. */
  readonly timeoutMs?: number;
  /** Called for every call, with `Success` or the code of its failure, and STS's id of a call that has succeeded. */
  readonly onCall?: (code: string, requestId?: string) => void;
  /** Called once for every step for which STS grants one hour instead of the longer session asked for. */
  readonly onShortened?: (notice: CodedError) => void;
  /** Kept from one call to the next. Default: by the returned function. */
  readonly offset?: ClockOffset;
  /** Default: the sidecar's. */
  readonly userAgent?: string;
}

export function stsOver(options: StsOptions): AssumeRole {
  const longestGranted = oneHourFallback(options.onShortened);
  const { now, timeoutMs = CALL_TIMEOUT_MS, offset = { ms: 0 } } = options;
  const once: AssumeRole = async (request) => {
    try {
      const granted = await callSts(request, { ...options, timeoutMs, offset });
      const { step, sessionName } = request;
      assertSessionOf(granted.arn, { roleArn: step.roleArn, sessionName });
      options.onCall?.("Success", granted.requestId);
      return credentialsOf(granted, step.roleArn, { offset, now });
    } catch (error) {
      const failure = error instanceof IssueError ? error : stsFailure(error, calledWith(request, options));
      options.onCall?.(failure.code);
      throw failure;
    }
  };
  return (request) => longestGranted(request.step, (step) => once({ ...request, step }));
}

const calledWith = ({ caller, step }: RoleRequest, { region, endpoint, proxy }: StsOptions) => ({
  roleArn: step.roleArn,
  action: actionOf(caller),
  region,
  endpoint,
  ...(proxy === undefined ? {} : { proxy: proxy.origin }),
  ...(caller.kind === "token" ? { token: caller.token } : {}),
  confidential: [
    ...(caller.kind === "token" ? [caller.token] : [caller.keys.secretAccessKey]),
    ...(caller.kind === "keys" && caller.keys.sessionToken ? [caller.keys.sessionToken] : []),
    ...(step.externalId === undefined ? [] : [new Secret(step.externalId)]),
  ],
});

const credentialsOf = (
  { accessKeyId, secretAccessKey, sessionToken, expiresAt }: Granted,
  roleArn: string,
  { offset, now }: { readonly offset: ClockOffset; readonly now: () => number },
): Credentials => ({
  accessKeyId,
  secretAccessKey,
  sessionToken,
  expiresAt: endByOwnClock(expiresAt, offset.ms),
  issuedAt: now(),
  roleArn,
  accountId: accountId(roleArn),
});
