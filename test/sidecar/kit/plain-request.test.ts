import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { plainRequest, type PlainAnswer } from "../../../sidecar/kit/plain-request.ts";

/** One request to a server that sends these bytes and keeps the connection open. */
async function askedOf(bytes: string): Promise<PlainAnswer> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined).once("data", () => void socket.write(bytes));
    onTestFinished(() => void socket.destroy());
  });
  onTestFinished(() => void server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return plainRequest({ address: "127.0.0.1", port, path: "/", timeoutMs: 100 });
}

test("a whole answer ends the request, whatever comes behind it", async () => {
  const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  expect(await askedOf(answer + answer)).toEqual({ status: 200, body: "ok" });
});

test.each([
  ["no HTTP", "hello\r\n\r\n"],
  ["another protocol", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"],
  ["too long", `HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n${"x".repeat(20_000)}`],
  ["no end", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok"],
  ["never more than a promise", "HTTP/1.1 100 Continue\r\n\r\n"],
])("an answer that is %s fails the request in time", async (_, bytes) => {
  await expect(askedOf(bytes)).rejects.toThrow(Error);
});
