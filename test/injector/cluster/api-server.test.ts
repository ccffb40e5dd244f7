import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { apiServer, type ApiServer } from "../../../injector/cluster/api-server.ts";
import { AnswerTooLong } from "../../../injector/cluster/body.ts";

const MIB = 1024 * 1024;
const never = new AbortController().signal;

interface Rig {
  readonly api: ApiServer;
  readonly headers: readonly IncomingHttpHeaders[];
  readonly get: () => Promise<unknown>;
}

/** An API server that answers every request in one way. */
async function answering(answer: (response: ServerResponse) => void): Promise<Rig> {
  const headers: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    headers.push(request.headers);
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const api = apiServer({
    getCurrentCluster: () => ({ server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
    getCurrentContext: () => "",
    getContextObject: () => null,
    applyToHTTPSOptions: async () => {},
  });
  onTestFinished(() => {
    api.close();
    server.closeAllConnections();
    server.close();
  });
  return { api, headers, get: () => api.get("/x", 5000, never) };
}

const gzipped = (body: Buffer, status = 200) =>
  answering((response) => response.writeHead(status, { "content-encoding": "gzip" }).end(body));

describe("an answer of the API server", () => {
  test("is requested as gzip and decompressed", async () => {
    const { get, headers } = await gzipped(gzipSync('{"items":["é"]}'));
    expect(await get()).toEqual({ items: ["é"] });
    expect(headers[0]?.["accept-encoding"]).toBe("gzip");
  });

  test("is read when the API server does not compress it", async () => {
    const { get } = await answering((response) => {
      // Splits a letter of two bytes.
      const body = Buffer.from('{"items":["é"]}');
      response.write(body.subarray(0, 12));
      setImmediate(() => response.end(body.subarray(12)));
    });
    expect(await get()).toEqual({ items: ["é"] });
  });

  test("is an error when its gzip is truncated", async () => {
    const whole = gzipSync(JSON.stringify({ items: ["x".repeat(1000)] }));
    const { get } = await gzipped(whole.subarray(0, -12));
    await expect(get()).rejects.toMatchObject({ message: "unexpected end of file" });
  });

  test("is an error when the connection breaks within its gzip", async () => {
    const whole = gzipSync(JSON.stringify({ items: ["x".repeat(1000)] }));
    const { get } = await answering((response) => {
      response.writeHead(200, { "content-encoding": "gzip", "content-length": whole.length });
      response.write(whole.subarray(0, 20), () => response.destroy());
    });
    await expect(get()).rejects.toBeInstanceOf(Error);
  });

  test("is an error when its header says gzip but its body is none", async () => {
    const { get } = await gzipped(Buffer.from('{"items":[]}'));
    await expect(get()).rejects.toMatchObject({ message: "incorrect header check" });
  });

  test("is an error when it has an encoding that was not asked for", async () => {
    const { get } = await answering((response) =>
      response.writeHead(200, { "content-encoding": "br" }).end("{}"),
    );
    await expect(get()).rejects.toMatchObject({ message: 'the answer is encoded as "br"' });
  });

  test("is read only to 32 MiB when its gzip is a bomb", async () => {
    const bomb = gzipSync(Buffer.alloc(40 * MIB, " "));
    expect(bomb.length).toBeLessThan(MIB);
    const { get } = await gzipped(bomb);
    await expect(get()).rejects.toBeInstanceOf(AnswerTooLong);
  });

  test("is read only to 32 MiB when it is not compressed", async () => {
    const { get } = await answering((response) => response.end(Buffer.alloc(33 * MIB, " ")));
    await expect(get()).rejects.toMatchObject({ message: "the answer is longer than 32 MiB" });
  });

  test("is read only as far as the caller says", async () => {
    const { api } = await answering((response) => response.end(JSON.stringify("x".repeat(2 * MIB))));
    await expect(api.get("/x", 5000, never, undefined, MIB)).rejects.toMatchObject({
      message: "the answer is longer than 1 MiB",
    });
  });

  test("is not read to its end when it is a refusal that has none, and the refusal keeps its status", async () => {
    const piece = "x".repeat(64 * 1024);
    const { get } = await answering((response) => {
      const more = (): void => void response.write(piece, (error) => error == null && more());
      response.writeHead(500);
      more();
    });
    await expect(get()).rejects.toMatchObject({ status: 500, said: "" });
  });

  test("is also decompressed when it is a refusal", async () => {
    const { get } = await gzipped(gzipSync('{"message":"namespaces is forbidden"}'), 403);
    await expect(get()).rejects.toMatchObject({ status: 403, said: "namespaces is forbidden" });
  });
});

test("a watch is not requested as gzip, because API servers never compress it", async () => {
  const { api, headers } = await answering((response) => response.end('{"a":1}\n'));
  const lines: string[] = [];
  for await (const line of await api.lines("/x?watch=true", 5000, never)) lines.push(line);
  expect(lines).toEqual(['{"a":1}']);
  expect(headers[0]?.["accept-encoding"]).toBeUndefined();
});
