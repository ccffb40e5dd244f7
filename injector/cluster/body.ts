import type { IncomingMessage } from "node:http";
import { pipeline } from "node:stream/promises";
import { StringDecoder } from "node:string_decoder";
import { createGunzip } from "node:zlib";

/**
 * The longest answer that is read, inflated, in bytes. A usual page of a list has one megabyte; parsed, it takes several
 * times as much, and the injector's memory is limited.
 */
const MAX_BYTES = 32 * 1024 * 1024;

/** An answer longer than what is read. A list can be asked for in smaller pages. */
export class AnswerTooLong extends Error {
  constructor(maxBytes = MAX_BYTES) {
    super(`the answer is longer than ${maxBytes / 1024 / 1024} MiB`);
    this.name = "AnswerTooLong";
  }
}

/**
 * The whole body as text, inflated where it came as gzip.
 * @throws AnswerTooLong; Error for a body that breaks off, is no gzip though it says so, or has another encoding
 */
export async function readText(response: IncomingMessage, maxBytes = MAX_BYTES): Promise<string> {
  const decode = decoder(maxBytes);
  const encoding = response.headers["content-encoding"] ?? "identity";
  if (encoding === "gzip") return pipeline(response, createGunzip(), decode);
  if (encoding === "identity") return pipeline(response, decode);
  response.destroy();
  throw new Error(`the answer is encoded as ${JSON.stringify(encoding.slice(0, 20))}`);
}

const decoder =
  (maxBytes: number) =>
  async (chunks: AsyncIterable<Buffer>): Promise<string> => {
    const utf8 = new StringDecoder("utf8");
    let [text, bytes] = ["", 0];
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new AnswerTooLong(maxBytes);
      text += utf8.write(chunk);
    }
    return text + utf8.end();
  };
