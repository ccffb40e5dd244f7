import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { WAITING_MAX } from "../../../sidecar/kit/one-request.ts";
import { watchTokenFile } from "../../../sidecar/wire/token-file.ts";
import { close, credentialServer, listen } from "../../../sidecar/wire/server.ts";
import { credentials } from "../../support/credentials.ts";
import { handClock } from "../../support/hand-clock.ts";
import { http } from "../../support/http.ts";
import { until } from "../../support/until.ts";
import { listening, raw, TOKEN } from "./credential-server.ts";

test("the sidecar closes a connection on which no headers come", async () => {
  const port = await listening();
  expect(await raw(port, "GET /v1/credentials HTTP/1.1\r\n")).toMatch(/^HTTP\/1\.1 408 /);
});

/** Opens connections that send `bytes` and no more. @returns how many the server has closed so far */
async function hold(port: number, count: number, bytes = ""): Promise<() => number> {
  let closed = 0;
  const sockets = Array.from({ length: count }, () => connect({ host: "127.0.0.1", port }));
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
  await Promise.all(
    sockets.map(async (socket) => {
      socket
        .on("error", () => undefined)
        .once("close", () => (closed += 1))
        .resume();
      await once(socket, "connect");
      if (bytes !== "") socket.write(bytes);
    }),
  );
  return () => closed;
}

test.each([
  ["say nothing", ""],
  ["never come to the end of their headers", "GET /v1/credentials HTTP/1.1\r\nHost: localhost\r\n"],
  [
    "want to stay open after their request",
    `GET /v1/credentials HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\nAuthorization: ${TOKEN}\r\n\r\n`,
  ],
])("2,000 connections that %s do not keep the app from its credentials", async (_, bytes) => {
  const port = await listening();
  const closed = await hold(port, 1000, bytes);
  expect(await http(port, "/v1/credentials", { authorization: TOKEN })).toMatchObject({ status: 200 });
  await hold(port, 1000, bytes);
  expect(await http(port, "/v1/credentials", { authorization: TOKEN })).toMatchObject({ status: 200 });
  await until("the oldest to be closed", () => (closed() >= 1000 - WAITING_MAX ? true : undefined));
});

test("2,000 connections that wait for the token file to be read do not keep the app from its credentials", async () => {
  // Its time stands still, so that whoever waits for a second read waits as long as the test.
  const clock = handClock();
  const tokenFile = watchTokenFile({ path: "/token", clock, read: async () => Buffer.from(TOKEN) });
  onTestFinished(() => tokenFile.stop());
  tokenFile.start();
  await tokenFile.firstToken;
  const server = credentialServer({ identities: [{ tokenFile, credentials: async () => credentials() }] });
  onTestFinished(() => close(server));
  const port = await listen(server, 0);
  const guess = "GET /v1/credentials HTTP/1.1\r\nHost: localhost\r\nAuthorization: guess\r\n\r\n";
  for (let times = 0; times < 2; times += 1) {
    await hold(port, 1000, guess);
    expect(await http(port, "/v1/credentials", { authorization: TOKEN })).toMatchObject({ status: 200 });
  }
  expect(await http(port, "/v1/credentials", { authorization: "guess" })).toMatchObject({ status: 503 });
});

test("2,000 connections of a container whose session is awaited do not keep another from its credentials", async () => {
  const sha256 = (token: string): Buffer => createHash("sha256").update(token).digest();
  const server = credentialServer({
    identities: [
      { tokenSha256: sha256(TOKEN), credentials: async () => credentials() },
      { tokenSha256: sha256("other"), credentials: () => new Promise(() => undefined) },
    ],
  });
  onTestFinished(() => close(server));
  const port = await listen(server, 0);
  const ask = "GET /v1/credentials HTTP/1.1\r\nHost: localhost\r\nAuthorization: other\r\n\r\n";
  for (let times = 0; times < 2; times += 1) {
    await hold(port, 1000, ask);
    expect(await http(port, "/v1/credentials", { authorization: TOKEN })).toMatchObject({ status: 200 });
  }
  const refused = await http(port, "/v1/credentials", { authorization: "other" });
  expect(refused).toMatchObject({
    status: 503,
    body: expect.stringContaining("CREDENTIALS_NOT_READY") as string,
  });
});

test("connections of three containers whose sessions are awaited, and silent ones, do not keep a fourth from its credentials", async () => {
  const sha256 = (token: string): Buffer => createHash("sha256").update(token).digest();
  const others = ["a", "b", "c"];
  const server = credentialServer({
    identities: [
      { tokenSha256: sha256(TOKEN), credentials: async () => credentials() },
      ...others.map((token) => ({
        tokenSha256: sha256(token),
        credentials: () => new Promise<never>(() => undefined),
      })),
    ],
  });
  onTestFinished(() => close(server));
  const port = await listen(server, 0);
  for (const token of others)
    await hold(
      port,
      300,
      `GET /v1/credentials HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${token}\r\n\r\n`,
    );
  await hold(port, WAITING_MAX);
  expect(await http(port, "/v1/credentials", { authorization: TOKEN })).toMatchObject({ status: 200 });
});

test("the sidecar closes connections that stay silent", async () => {
  const port = await listening();
  const closed = await hold(port, 10);
  expect(closed()).toBe(0);
  expect(await until("their end", () => (closed() === 10 ? closed() : undefined), 60_000)).toBe(10);
});

test("the sidecar never closes a connection that waits for its answer", async () => {
  const slow = Promise.withResolvers<void>();
  const server = credentialServer({
    identities: [
      {
        tokenSha256: createHash("sha256").update(TOKEN).digest(),
        credentials: async () => {
          await slow.promise;
          return credentials();
        },
      },
    ],
  });
  onTestFinished(() => close(server));
  const port = await listen(server, 0);
  const early = http(port, "/v1/credentials", { authorization: TOKEN });
  await hold(port, WAITING_MAX + 100);
  slow.resolve();
  expect(await early).toMatchObject({ status: 200 });
});
