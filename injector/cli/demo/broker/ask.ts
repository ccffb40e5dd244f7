import { request } from "node:https";
import { text as readText } from "node:stream/consumers";
import { BROKER, type SessionAsked } from "../../../../sidecar/contract/broker.ts";
import { messageOf, systemCode } from "../../../../sidecar/kit/errors.ts";
import { isRecord, own } from "../../../model/read.ts";
import type { Io } from "../../io.ts";
import type { Environment } from "../node/expand.ts";
import type { Processes } from "../node/processes.ts";
import type { BrokerAnswer } from "../print/broker-facts.ts";

/** A question to the broker, by whoever has a token. */
export interface Question extends SessionAsked {
  /** The broker's origin. */
  readonly url: string;
  readonly ca: string;
  readonly token: string;
}

/** The hidden subcommand of `podrole demo` that {@link serveAsk} runs as. */
export const ASK_BROKER = "ask-broker";

/** @param command what runs the demo's subcommand in the place that the question is to come from */
export async function askBroker(
  question: Question,
  command: readonly string[],
  processes: Processes,
  env: Environment,
): Promise<BrokerAnswer> {
  // By standard input: arguments are for all the machine to see.
  const { stdout } = await processes.run([...command, ASK_BROKER], env, JSON.stringify(question));
  return JSON.parse(stdout) as BrokerAnswer;
}

/** Asks what standard input says, and prints the answer without the credentials in it. */
export async function serveAsk({ stdin, stdout }: Io): Promise<void> {
  // From the demo that started this process.
  const question = JSON.parse(await readText(stdin)) as Question;
  stdout.write(`${JSON.stringify(await answerTo(question))}\n`);
}

function answerTo({ url, ca, token, identity, roleArn }: Question): Promise<BrokerAnswer> {
  const asked: SessionAsked = { identity, roleArn };
  const body = JSON.stringify(asked);
  const headers = {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
    Authorization: `Bearer ${token}`,
  };
  const { promise, resolve } = Promise.withResolvers<BrokerAnswer>();
  const call = request(url + BROKER.path, { method: "POST", ca, headers, timeout: 10_000 });
  const failed = (error: unknown): void => resolve({ error: systemCode(error) ?? messageOf(error) });
  call.once("error", failed);
  call.once("timeout", () => call.destroy(new Error("no answer")));
  call.once("response", (response) => {
    const status = response.statusCode ?? 0;
    readText(response).then((answer) => resolve({ status, ...refusalIn(answer) }), failed);
  });
  call.end(body);
  return promise;
}

/** Of an answer with credentials, nothing. */
export function refusalIn(answer: string): { readonly code?: string; readonly message?: string } {
  const body: unknown = JSON.parse(answer);
  const [code, message] = isRecord(body) ? [own(body, "code"), own(body, "message")] : [];
  return typeof code === "string" && typeof message === "string" ? { code, message } : {};
}
