import { connect } from "node:net";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

/**
 * What stands in for the user's program: the AWS SDK for JavaScript as it comes, with its default credential chain.
 * Nothing here knows podrole. The addresses among its arguments it also connects to, without sending a byte.
 */

const round = (ms: number): number => Math.round(ms * 10) / 10;

async function identity(): Promise<object> {
  const startedAt = performance.now();
  try {
    const { Arn } = await new STSClient({}).send(new GetCallerIdentityCommand({}));
    return { arn: Arn, ms: round(performance.now() - startedAt) };
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    return { error: `${name}: ${message}`, ms: round(performance.now() - startedAt) };
  }
}

function attempt(address: string): Promise<object> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 80 });
    const end = (outcome: string): void => {
      socket.destroy();
      resolve({ address, outcome, ms: round(performance.now() - startedAt) });
    };
    socket.setTimeout(2000, () => end("TIMEOUT"));
    socket.once("connect", () => end("CONNECTED"));
    socket.once("error", (error) => end("code" in error ? String(error.code) : error.message));
  });
}

const attempts = await Promise.all(process.argv.slice(2).map(attempt));
process.stdout.write(`${JSON.stringify({ ...(await identity()), attempts })}\n`);
