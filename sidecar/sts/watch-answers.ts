import { Readable } from "node:stream";
import type { STSClient } from "@aws-sdk/client-sts";

/** STS answers in 2 to 4 KiB. */
const BODY_MAX_BYTES = 64 * 1024;

/**
 * Sees every answer before the SDK reads it. Cuts off a body that is too long for STS, which the SDK would keep in memory
 * whole, and reports the time at STS.
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
    if (bytes > BODY_MAX_BYTES) throw new Error("longer than any answer of STS");
    yield chunk;
  }
}

interface Answer {
  readonly headers: Readonly<Record<string, string>>;
  body?: unknown;
}

const isAnswer = (response: unknown): response is Answer =>
  typeof response === "object" && response !== null && "headers" in response;
