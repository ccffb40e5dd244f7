import { createInterface } from "node:readline";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

/**
 * A pod's program on the AWS SDK for JavaScript v3: one client, its default chain, one call for each line of standard
 * input.
 */
const sts = new STSClient();
for await (const _ of createInterface({ input: process.stdin })) {
  const answer = await sts.send(new GetCallerIdentityCommand()).then(
    ({ Arn }) => ({ arn: Arn }),
    (error: unknown) => ({ error: String(error) }),
  );
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
