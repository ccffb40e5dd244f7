import { Readable } from "node:stream";
import {
  AssumeRoleCommand,
  AssumeRoleWithWebIdentityCommand,
  STSClient,
  type AssumeRoleCommandOutput,
} from "@aws-sdk/client-sts";
import type { RoleRequest } from "../../sidecar/sts/role-request.ts";

/** The AWS SDK, as the judge of our own client of STS. Nothing is sent. */

export interface SdkRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SdkAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** The call that the SDK makes of a request, with the outcome that it reads from an answer. */
export async function sdkCall(
  { caller, step, sessionName, sourceIdentity }: RoleRequest,
  answer: SdkAnswer = { status: 500, body: Buffer.alloc(0) },
  region = "eu-west-1",
): Promise<{ readonly sent: SdkRequest; readonly output: AssumeRoleCommandOutput | Error }> {
  const sent: SdkRequest[] = [];
  const client = new STSClient({
    region,
    maxAttempts: 1,
    ...(caller.kind === "token"
      ? {}
      : {
          credentials: {
            accessKeyId: caller.keys.accessKeyId,
            secretAccessKey: caller.keys.secretAccessKey.reveal(),
            ...(caller.keys.sessionToken ? { sessionToken: caller.keys.sessionToken.reveal() } : {}),
          },
        }),
    requestHandler: {
      metadata: { handlerProtocol: "http/1.1" },
      handle: async (request: unknown) => {
        // Its type says little of the body.
        sent.push(request as SdkRequest);
        const response = { statusCode: answer.status, headers: {}, body: Readable.from([answer.body]) };
        return { response: response as never };
      },
      updateHttpClientConfig: () => undefined,
      httpHandlerConfigs: () => ({}),
    },
  });
  const input = {
    RoleArn: step.roleArn,
    RoleSessionName: sessionName,
    DurationSeconds: step.durationSeconds,
    Policy: step.policy,
    PolicyArns: step.policyArns?.map((arn) => ({ arn })),
  };
  const command =
    caller.kind === "token"
      ? new AssumeRoleWithWebIdentityCommand({ ...input, WebIdentityToken: caller.token.reveal() })
      : new AssumeRoleCommand({
          ...input,
          ExternalId: step.externalId,
          Tags: step.tags && Object.entries(step.tags).map(([Key, Value]) => ({ Key, Value })),
          TransitiveTagKeys: step.transitiveTagKeys && [...step.transitiveTagKeys],
          SourceIdentity: sourceIdentity,
        });
  // One command or the other: the SDK's overloads take no union.
  const output = await client.send(command as AssumeRoleCommand).catch((error: unknown) => {
    if (error instanceof Error) return error;
    throw error;
  });
  const [first] = sent;
  if (first === undefined) throw output instanceof Error ? output : new Error("no request");
  return { sent: first, output };
}
