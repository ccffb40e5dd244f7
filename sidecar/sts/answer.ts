import { Readable } from "node:stream";
import type { STSClient } from "@aws-sdk/client-sts";

/** STS answers in 2 to 4 KiB. */
const BODY_MAX_BYTES = 64 * 1024;

/**
 * Looks at every answer before the SDK reads it: cuts off a body that no STS would send, which would otherwise be held in
 * memory whole, and tells what time it is at STS.
 * @param onDate milliseconds since the epoch, in whole seconds
 */
export function watchAnswers(client: STSClient, onDate: (epochMs: number) => void): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { response } = result;
      if (!isAnswer(response)) return result;
      const date = Date.parse(response.headers["date"] ?? "");
      if (!Number.isNaN(date)) onDate(date);
      if (response.body instanceof Readable) response.body = Readable.from(limited(response.body));
      return result;
    },
    // Nearer to the wire than the SDK's own step of that name.
    { step: "deserialize", priority: "low", name: "podroleWatchAnswers" },
  );
}

async function* limited(body: Readable): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > BODY_MAX_BYTES) throw new Error("longer than an answer of STS's");
    yield chunk;
  }
}

interface Answer {
  readonly headers: Readonly<Record<string, string>>;
  body?: unknown;
}

const isAnswer = (response: unknown): response is Answer =>
  typeof response === "object" && response !== null && "headers" in response;
