import { once } from "node:events";
import { connect, type AddressInfo, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { wireAnswer, type WireAnswer, type WireRequest } from "../../../sidecar/kit/http-message.ts";
import { oneRequestServer, type OneRequestServer } from "../../../sidecar/kit/one-request.ts";

interface Rig {
  readonly server: OneRequestServer;
  readonly open: () => Socket;
  readonly seen: readonly WireRequest[];
  readonly statuses: readonly number[];
}

/** A server that answers with the method, unless something else is given. */
async function rig(
  answerTo: (request: WireRequest) => Promise<WireAnswer> = async ({ method }) =>
    wireAnswer(200, "text/plain", `<${method}> ü`),
): Promise<Rig> {
  const seen: WireRequest[] = [];
  const statuses: number[] = [];
  const server = oneRequestServer(
    (request) => {
      seen.push(request);
      return answerTo(request);
    },
    (status) => void statuses.push(status),
  );
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const open = (): Socket => {
    const socket = connect({ host: "127.0.0.1", port });
    onTestFinished(() => void socket.destroy());
    return socket;
  };
  return { server, open, seen, statuses };
}

/** What comes back for these bytes until the server closes the connection. */
async function sent(socket: Socket, bytes: string): Promise<string> {
  socket.write(bytes);
  return text(socket);
}

const head = (method: string, more = ""): string => `${method} / HTTP/1.1\r\nHost: x\r\n${more}\r\n`;

test("an answer has its date, its length in bytes and the end of the connection", async () => {
  const { open, statuses } = await rig();
  const answered = await sent(open(), head("GET"));
  expect(answered).toMatch(
    /^HTTP\/1\.1 200 OK\r\nDate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\nConnection: close\r\n/,
  );
  expect(answered).toMatch(/\r\nContent-Length: 8\r\n[^]*\r\n\r\n<GET> ü$/);
  expect(statuses).toEqual([200]);
});

test("an answer to HEAD has the length of what GET would get, and no body", async () => {
  const { open } = await rig();
  expect(await sent(open(), head("HEAD"))).toMatch(/\r\nContent-Length: 9\r\n[^]*\r\n\r\n$/);
});

test.each([
  ["a body", head("POST", "Content-Length: 4\r\n").concat("body")],
  ["a body that does not come", head("PUT", "Content-Length: 1000000000\r\n")],
  ["a body without a stated length", head("POST", "Transfer-Encoding: chunked\r\n").concat("0\r\n\r\n")],
  ["an expectation", head("POST", "Expect: 100-continue\r\nContent-Length: 4\r\n")],
  ["another protocol in mind", head("POST", "Connection: Upgrade\r\nUpgrade: h2c\r\n")],
  ["another request behind it", head("POST").concat(head("GET"))],
])("a request with %s is answered once, without a word in between", async (_, bytes) => {
  const { open, seen } = await rig();
  const answered = await sent(open(), bytes);
  expect(answered.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200"]);
  expect(seen).toHaveLength(1);
});

test("bytes that are no request get the status that says so, and are not counted", async () => {
  const { open, seen, statuses } = await rig();
  expect(await sent(open(), "\u0016\u0003\u0001")).toMatch(
    /^HTTP\/1\.1 400 Bad Request\r\n[^]*Content-Length: 0\r\n/,
  );
  expect(await sent(open(), head("GET", "a:\r\n".repeat(200)))).toMatch(/^HTTP\/1\.1 431 /);
  expect({ seen, statuses }).toEqual({ seen: [], statuses: [] });
});

test("a client that closes its side in the middle of a request gets a 400", async () => {
  const { open } = await rig();
  const socket = open();
  socket.end("GET / HTTP/1.1\r\nHo");
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
});

test("a client that sends on and on while its request is answered is closed without an answer", async () => {
  const { open } = await rig(() => new Promise(() => undefined));
  const socket = open().on("error", () => undefined);
  socket.resume().write(head("POST", "Content-Length: 1000000000\r\n"));
  const closed = once(socket, "close");
  const more = setInterval(() => socket.write(Buffer.alloc(32 * 1024)), 1);
  onTestFinished(() => clearInterval(more));
  await closed;
  expect(socket.bytesRead).toBe(0);
});

test("a client that is gone before its answer harms nobody", async () => {
  const slow = Promise.withResolvers<WireAnswer>();
  const { open, seen, statuses } = await rig(() => slow.promise);
  const socket = open();
  socket.write(head("GET"));
  while (seen.length === 0) await new Promise((resolve) => void setImmediate(resolve));
  socket.resetAndDestroy();
  await once(socket, "close");
  slow.resolve(wireAnswer(200, "text/plain", "late"));
  expect(await sent(open(), head("GET"))).toContain("late");
  expect(statuses).toEqual([200, 200]);
});

test("all connections can be ended at once, answered or not", async () => {
  const { server, open, seen } = await rig(() => new Promise(() => undefined));
  const sockets = [open(), open()];
  sockets[0]?.write(head("GET"));
  while (seen.length === 0) await new Promise((resolve) => void setImmediate(resolve));
  const ends = sockets.map((socket) => once(socket.on("error", () => undefined).resume(), "close"));
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  expect(await Promise.all([...ends, closed])).toHaveLength(3);
});
