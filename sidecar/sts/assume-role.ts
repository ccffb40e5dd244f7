import {
  AssumeRoleCommand,
  AssumeRoleWithWebIdentityCommand,
  type AssumeRoleCommandOutput,
} from "@aws-sdk/client-sts";
import { accountId } from "./arn.ts";
import { assertSessionOf } from "./assumed-role.ts";
import type { Credentials } from "./credentials.ts";
import { IssueError } from "./issue-error.ts";
import type { CodedError } from "../kit/errors.ts";
import { oneHourFallback } from "./one-hour.ts";
import { actionOf, type AssumeRole, type RoleRequest } from "./role-request.ts";
import { Secret } from "../kit/secret.ts";
import { CALL_TIMEOUT_MS, stsClient, type ClockOffset, type StsEndpoint } from "./client.ts";
import { stsFailure } from "./refusals.ts";

export interface StsOptions extends StsEndpoint {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Called for every call, with `Success` or the code of its failure. */
  readonly onCall?: (code: string) => void;
  /** Called once for every step for which STS grants one hour instead of the longer session asked for. */
  readonly onShortened?: (notice: CodedError) => void;
}

export function stsOver(options: StsOptions): AssumeRole {
  const offset: ClockOffset = { ms: 0 };
  const longestGranted = oneHourFallback(options.onShortened);
  const settled = { ...options, timeoutMs: options.timeoutMs ?? CALL_TIMEOUT_MS };
  const once: AssumeRole = async (request) => {
    try {
      const credentials = await call(settled, request, offset);
      options.onCall?.("Success");
      return credentials;
    } catch (error) {
      const failure = error instanceof IssueError ? error : stsFailure(error, callOf(request, settled));
      options.onCall?.(failure.code);
      throw failure;
    }
  };
  return (request) => longestGranted(request.step, (step) => once({ ...request, step }));
}

type Settled = StsOptions & { readonly timeoutMs: number };

const callOf = ({ caller, step }: RoleRequest, options: Settled) => ({
  roleArn: step.roleArn,
  action: actionOf(caller),
  region: options.region,
  endpoint: options.endpoint,
  special: options.fips || options.dualStack,
  timeoutMs: options.timeoutMs,
  confidential: [
    ...(caller.kind === "token" ? [caller.token] : [caller.keys.secretAccessKey]),
    ...(caller.kind === "keys" && caller.keys.sessionToken ? [caller.keys.sessionToken] : []),
    ...(step.externalId === undefined ? [] : [new Secret(step.externalId)]),
  ],
});

async function call(options: Settled, request: RoleRequest, offset: ClockOffset): Promise<Credentials> {
  const { caller, step, sessionName } = request;
  const input = {
    RoleArn: step.roleArn,
    RoleSessionName: sessionName,
    DurationSeconds: step.durationSeconds,
    ...(step.policy === undefined ? {} : { Policy: step.policy }),
    ...(step.policyArns === undefined ? {} : { PolicyArns: step.policyArns.map((arn) => ({ arn })) }),
  };
  const { now } = options;
  const client = await stsClient(options, caller.kind === "keys" ? caller.keys : undefined, { offset, now });
  const abort = { abortSignal: AbortSignal.timeout(options.timeoutMs) };
  try {
    if (caller.kind === "token") {
      const command = new AssumeRoleWithWebIdentityCommand({
        ...input,
        WebIdentityToken: caller.token.reveal(),
      });
      return credentialsFrom(await client.send(command, abort), request, { offset, now });
    }
    const command = new AssumeRoleCommand({
      ...input,
      ...(step.externalId === undefined ? {} : { ExternalId: step.externalId }),
      ...(step.tags === undefined
        ? {}
        : { Tags: Object.entries(step.tags).map(([Key, Value]) => ({ Key, Value })) }),
      ...(step.transitiveTagKeys === undefined ? {} : { TransitiveTagKeys: [...step.transitiveTagKeys] }),
    });
    return credentialsFrom(await client.send(command, abort), request, { offset, now });
  } finally {
    client.destroy();
  }
}

function credentialsFrom(
  { Credentials: granted, AssumedRoleUser }: Pick<AssumeRoleCommandOutput, "Credentials" | "AssumedRoleUser">,
  { step: { roleArn }, sessionName }: RoleRequest,
  { offset, now }: { readonly offset: ClockOffset; readonly now: () => number },
): Credentials {
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = granted ?? {};
  if (!AccessKeyId || !SecretAccessKey || !SessionToken || !Expiration) {
    throw new IssueError("STS_ANSWER_INVALID", "STS answered without credentials.", { kind: "passing" });
  }
  assertSessionOf(AssumedRoleUser?.Arn, { roleArn, sessionName });
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: new Secret(SecretAccessKey),
    sessionToken: new Secret(SessionToken),
    // If the node's clock is behind, the session ends earlier by that clock than STS says. If it is ahead, STS's time
    // stays: an SDK on that node would not use a session that is over by its clock.
    expiresAt: Expiration.getTime() - (offset.ms > 0 ? offset.ms + 1000 : 0),
    issuedAt: now(),
    roleArn,
    accountId: accountId(roleArn),
  };
}
