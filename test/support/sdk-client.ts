import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

/**
 * A plain app: the AWS SDK with its default chain, configured only by its environment.
 * Prints one line of JSON: the caller's ARN, or the error's name and message.
 * Usage: sdk-client.ts <STS endpoint>
 */
const [endpoint = ""] = process.argv.slice(2);
const sts = new STSClient({ endpoint, maxAttempts: 1 });
try {
  const { Arn } = await sts.send(new GetCallerIdentityCommand());
  process.stdout.write(JSON.stringify({ arn: Arn }));
} catch (error) {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  process.stdout.write(JSON.stringify({ name, message }));
}
