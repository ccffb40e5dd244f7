import { once } from "node:events";
import { connect, type AddressInfo } from "node:net";
import Fastify from "fastify";
import { expect, onTestFinished, test } from "vitest";
import { bodyLimits, readBodies } from "../../../injector/serve/bodies.ts";

test("a client that disconnects before its turn does not delay others", async () => {
  const app = Fastify({ forceCloseConnections: true });
  let begun = 0;
  app.addHook("onRequest", async (request, reply) => {
    if (request.headers["x-gone"] === undefined) return;
    request.raw.socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(reply.raw.closed).toBe(true);
    begun += 1;
  });
  const read = readBodies(app, { ...bodyLimits(), smallBytes: 10, reading: 100, light: 1000 });
  app.post("/", (request, reply) => read(request, reply, () => "read"));
  await app.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  const send = async (more: string): Promise<string> => {
    const socket = connect({ host: "127.0.0.1", port }).on("error", () => {});
    let said = "";
    socket.on("data", (chunk) => (said += String(chunk)));
    const body = JSON.stringify("x".repeat(98));
    socket.write(
      `POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n${more}content-length: 100\r\n\r\n${body}`,
    );
    await once(socket, "close");
    return said;
  };
  for (let client = 0; client < 4; client += 1) await send("x-gone: 1\r\n");
  await expect.poll(() => begun).toBe(4);
  expect(await send("")).toMatch(/^HTTP\/1.1 200[^]*read$/);
});
