import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { healthServer, listenEverywhere } from "../../../sidecar/wire/health.ts";
import { close, credentialServer, listen } from "../../../sidecar/wire/server.ts";
import { credentials } from "../../support/credentials.ts";
import { http } from "../../support/http.ts";
import { thrown } from "../../support/thrown.ts";
import { listening, raw, TOKEN } from "./credential-server.ts";

test("the server sends the exact content type, the length and no chunks", async () => {
  const statuses: number[] = [];
  const port = await listening((status) => statuses.push(status));
  const answered = await http(port, "/v1/credentials", { authorization: TOKEN });
  expect(answered.status).toBe(200);
  expect(answered.headers["content-type"]).toBe("application/json");
  expect(answered.headers["content-length"]).toBe(String(Buffer.byteLength(answered.body)));
  expect(answered.headers["transfer-encoding"]).toBeUndefined();
  expect(statuses).toEqual([200]);
});

test("the server refuses a rebound name and a proxy", async () => {
  const port = await listening();
  expect(await http(port, "/v1/credentials", { authorization: TOKEN, host: "evil.example" })).toMatchObject({
    status: 400,
  });
  expect(
    await http(port, "/v1/credentials", { authorization: TOKEN, "x-forwarded-for": "10.0.0.1" }),
  ).toMatchObject({ status: 400 });
});

test("the server answers an HTTP/1.0 client that names the host, and refuses one that does not", async () => {
  const port = await listening();
  const request = `GET /v1/credentials HTTP/1.0\r\nAuthorization: ${TOKEN}\r\n`;
  expect(await raw(port, `${request}Host: localhost\r\n\r\n`)).toMatch(/^HTTP\/1\.1 200 /);
  expect(await raw(port, `${request}\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
});

test("the server answers without asking for a body, and closes a connection that has one", async () => {
  const port = await listening();
  const head = `Host: localhost\r\nAuthorization: ${TOKEN}\r\nContent-Length: 1000000000\r\n`;
  const expecting = await raw(port, `GET /v1/credentials HTTP/1.1\r\n${head}Expect: 100-continue\r\n\r\n`);
  expect(expecting).toMatch(/^HTTP\/1\.1 200 /);
  expect(await raw(port, `PUT /v1/credentials HTTP/1.1\r\n${head}\r\nabc`)).toMatch(/^HTTP\/1\.1 405 /);
});

test("the server answers 431 to headers that no SDK would send", async () => {
  const port = await listening();
  expect(await raw(port, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(9000)}\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 431 /,
  );
});

const get = (path: string, more = ""): string =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${TOKEN}\r\n${more}\r\n`;
const LAST = "Connection: close\r\n";

test.each([
  ["asks for it to be kept", get("/v1/credentials", "Connection: keep-alive\r\nKeep-Alive: timeout=60\r\n")],
  ["says nothing about it", get("/v1/credentials")],
  ["is of HTTP/1.0", get("/v1/credentials", "Connection: keep-alive\r\n").replace("HTTP/1.1", "HTTP/1.0")],
])("the server closes the connection after its answer when the client %s", async (_, request) => {
  const answered = await raw(await listening(), request);
  expect(answered).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answered).toContain("\r\nConnection: close\r\n");
});

test("the server answers the first request of a packet and no other", async () => {
  const statuses: number[] = [];
  const port = await listening((status) => statuses.push(status));
  const answered = await raw(port, get("/v1/credentials").repeat(500));
  expect(answered.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200"]);
  expect(statuses).toEqual([200]);
});

test("the server answers a client that has closed its side after the request", async () => {
  const port = await listening();
  const socket = connect({ host: "127.0.0.1", port });
  socket.end(get("/v1/credentials"));
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 /);
});

test("the server answers nothing that follows a body", async () => {
  const port = await listening();
  const chunked = "Transfer-Encoding: chunked\r\n";
  const smuggled = `${get("/v1/credentials", chunked)}0\r\n\r\n${get("/other", LAST)}`;
  expect((await raw(port, smuggled)).match(/HTTP\/1\.1 \d+/g) ?? []).not.toContain("HTTP/1.1 404");
  const both = `${get("/v1/credentials", `${chunked}Content-Length: 5\r\n`)}0\r\n\r\n`;
  expect(await raw(port, both)).toMatch(/^HTTP\/1\.1 400 /);
  const trailer = `GET /v1/credentials HTTP/1.1\r\nHost: localhost\r\n${chunked}Trailer: Authorization\r\n\r\n0\r\nAuthorization: ${TOKEN}\r\n\r\n`;
  expect(await raw(port, trailer)).toMatch(/^HTTP\/1\.1 401 /);
});

test.each([
  ["Host", `Host: evil.example\r\n${LAST}`, "400"],
  ["Authorization", `Authorization: x\r\n${LAST}`, "401"],
])("the server accepts neither of two %s headers", async (_, more, status) => {
  const port = await listening();
  expect(await raw(port, get("/v1/credentials", more))).toContain(`HTTP/1.1 ${status} `);
});

test.each([
  ["absolute URIs", "GET http://127.0.0.1/v1/credentials HTTP/1.1", "404"],
  ["dots", "GET /x/../v1/credentials HTTP/1.1", "404"],
  ["escapes", "GET /v1%2fcredentials HTTP/1.1", "404"],
  ["fragments", "GET /v1/credentials#x HTTP/1.1", "404"],
  ["two slashes", "GET //v1/credentials HTTP/1.1", "404"],
  ["a letter that is none", "GET /v1/credentials\u0001 HTTP/1.1", "400"],
  ["a query", "GET /v1/credentials?x=y HTTP/1.1", "200"],
  ["HTTP/2's first words", "PRI * HTTP/2.0", "400"],
])("the server does not decode a path: %s", async (_, line, status) => {
  const port = await listening();
  const request = `${line}\r\nHost: localhost\r\nAuthorization: ${TOKEN}\r\n${LAST}\r\n`;
  expect(await raw(port, request)).toContain(`HTTP/1.1 ${status} `);
});

test("the server refuses a request with so many headers that Node may have dropped one", async () => {
  const port = await listening();
  const head = get("/v1/credentials", LAST).slice(0, -2);
  const proxied = "X-Forwarded-For: 10.0.0.1\r\n\r\n";
  expect(await raw(port, `${head}${"a:\r\n".repeat(90)}${proxied}`)).toMatch(
    /^HTTP\/1\.1 400 [^]*PROXY_REFUSED/,
  );
  for (const others of [96, 97, 98, 2500]) {
    expect(await raw(port, `${head}${"a:\r\n".repeat(others)}${proxied}`)).toMatch(/^HTTP\/1\.1 4(?:00|31) /);
  }
  expect(await raw(port, `${head}${"a:\r\n".repeat(2500)}${proxied}`)).toMatch(/^HTTP\/1\.1 431 /);
});

test("the server makes no tunnel and speaks no other protocol", async () => {
  const port = await listening();
  const tunnel = "CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nHost: localhost\r\n\r\n";
  expect(await raw(port, tunnel)).toMatch(/^HTTP\/1\.1 404 /);
  const upgrade = `GET /v1/credentials HTTP/1.1\r\nHost: localhost\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n`;
  expect(await raw(port, upgrade)).toMatch(/^HTTP\/1\.1 401 /);
});

test("the server survives bytes that are no HTTP", async () => {
  const port = await listening();
  expect(await raw(port, "\u0016\u0003\u0001 hello\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
  expect(await http(port, "/v1/credentials", { authorization: TOKEN })).toMatchObject({ status: 200 });
});

test("the server is not reachable by another address of the machine", async () => {
  const port = await listening();
  await expect(
    new Promise((resolve, reject) => {
      connect({ host: "127.0.0.2", port }).once("connect", resolve).once("error", reject);
    }),
  ).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("the server names a busy port and what to do about it", async () => {
  const port = await listening();
  const second = credentialServer({
    identities: [{ tokenSha256: Buffer.alloc(32), credentials: async () => credentials() }],
  });
  expect(await thrown(() => listen(second, port))).toMatchObject({
    code: "PORT_IN_USE",
    message: expect.stringContaining(String(port)),
    remedy: expect.stringContaining("listen on another port"),
  });
});

test("the server of health answers on every address, since the kubelet calls the pod's", async () => {
  const server = healthServer({ notReady: () => undefined, metrics: () => "" });
  onTestFinished(() => close(server));
  const port = await listenEverywhere(server, 0);
  expect(await http(port, "/readyz")).toMatchObject({ status: 200, body: "ok\n" });
  expect(await http(port, "/readyz", {}, "HEAD")).toMatchObject({ status: 200, body: "" });
});
