import { connect } from "node:net";
import { once } from "node:events";
import { expect, test } from "vitest";
import { readGreeting, standIn } from "../../../sidecar/guard/stand-in.ts";
import { freePort } from "../../support/free-port.ts";

test("the listener in the sidecar's place says its word to whoever connects", async () => {
  const port = await freePort();
  const listener = await standIn(port, "word");
  expect(await readGreeting("127.0.0.1", port, 1000)).toEqual({ kind: "connected", said: "word" });
  await listener.close();
  expect(await readGreeting("127.0.0.1", port, 1000)).toEqual({ kind: "refused", code: "ECONNREFUSED" });
});

test("the listener in the sidecar's place closes beside an app that has sent a request and stays", async () => {
  const port = await freePort();
  const listener = await standIn(port, "word");
  const app = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  app.on("error", () => undefined).write("GET / HTTP/1.0\r\n\r\n");
  const [said] = (await once(app, "data")) as [Buffer];
  expect(String(said)).toBe("word");
  await listener.close();
  app.destroy();
});
