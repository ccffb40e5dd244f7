import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { LIMITS, sessionServer, type SessionServerDeps } from "../../../injector/broker/server.ts";
import { BusyError } from "../../../injector/broker/busy.ts";
import type { SessionRequest } from "../../../injector/broker/broker.ts";
import { toWire } from "../../../sidecar/sts/credentials.ts";
import { IssueError } from "../../../sidecar/sts/issue-error.ts";
import { credentials } from "../../support/credentials.ts";

const TOKEN = { authorization: "Bearer a.b.c" };

async function rig(
  broker?: (request: SessionRequest) => Promise<never>,
  over: Partial<SessionServerDeps> = {},
) {
  const requests: SessionRequest[] = [];
  const answers: number[] = [];
  const one = sessionServer({
    broker: async (request) => {
      requests.push(request);
      return broker === undefined ? credentials() : broker(request);
    },
    onAnswer: (status) => answers.push(status),
    ...over,
  });
  await new Promise<void>((resolve) => one.server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    one.server.closeAllConnections();
    await one.close();
  });
  const { port } = one.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/v1/session`;
  const post = (body = "{}", headers: Record<string, string> = TOKEN, target = url) =>
    fetch(target, { method: "POST", body, headers });
  return { post, requests, answers, url, port };
}

const refusing = (error: IssueError) => rig(() => Promise.reject(error));

test("a session is answered as the credentials endpoint answers it", async () => {
  const { post, requests, answers } = await rig();
  const response = await post('{"identity":"pod"}');
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual(toWire(credentials()));
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(Date.parse(response.headers.get("date") ?? "")).toBeGreaterThan(0);
  expect(requests).toEqual([{ token: "a.b.c", body: '{"identity":"pod"}', address: "127.0.0.1" }]);
  expect(answers).toEqual([200]);
});

test.for([
  ["REQUEST_INVALID", "definite", 400],
  ["TOKEN_MISSING", "definite", 401],
  ["TOKEN_NOT_ACCEPTED", "definite", 401],
  ["TOKEN_NOT_ACCEPTED", "passing", 401],
  ["TOKEN_NOT_BOUND", "definite", 401],
  ["POD_GONE", "definite", 403],
  ["AccessDenied", "definite", 403],
  ["ROLE_NOT_ALLOWED", "definite", 403],
  ["Throttling", "throttled", 429],
  ["FACTS_UNAVAILABLE", "passing", 503],
  ["constructor", "passing", 503],
] as const)("the refusal %s (%s) has status %i", async ([code, kind, status]) => {
  const { post } = await refusing(new IssueError(code, "No.", { kind, remedy: "Do." }));
  const response = await post();
  expect(response.status).toBe(status);
  expect(await response.json()).toEqual({ code, message: "No.", remedy: "Do.", kind });
  expect(response.headers.get("retry-after")).toBe(status === 429 ? "5" : null);
});

test("a broker that is busy says when to come again", async () => {
  const { post } = await refusing(new BusyError("Busy.", "Wait.", 6500));
  expect((await post()).headers.get("retry-after")).toBe("7");
});

describe("a token is read", () => {
  test.for([
    ["in any case of the scheme", { authorization: "bearer x" }, "x"],
    ["not where there is none", {}, undefined],
    ["not of another scheme", { authorization: "Basic x" }, undefined],
    ["not in two words", { authorization: "Bearer x y" }, undefined],
  ] as const)("%s", async ([, headers, token]) => {
    const { post, requests } = await rig();
    await post("{}", headers);
    expect(requests).toMatchObject([{ token }]);
  });
});

describe("a request of another form", () => {
  test.for([
    ["another path", "POST", "/v1/sessions", "", 404, "NOT_FOUND"],
    ["a path that cannot be decoded", "POST", "/%zz", "", 404, "NOT_FOUND"],
    ["another method", "GET", "/v1/session", undefined, 405, "METHOD_NOT_ALLOWED"],
    ["a body that is too long", "POST", "/v1/session", "x".repeat(4097), 400, "REQUEST_INVALID"],
  ] as const)("gets a coded answer: %s", async ([, method, path, body, status, code]) => {
    const { url, requests } = await rig();
    const response = await fetch(new URL(path, url), { method, ...(body === undefined ? {} : { body }) });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code, kind: "definite", message: expect.any(String) });
    expect(requests).toEqual([]);
  });

  test("a query does not matter", async () => {
    const { post, url } = await rig();
    expect((await post("{}", TOKEN, `${url}?x=1`)).status).toBe(200);
  });

  test.for([
    ["bytes that are no request", "hello\r\n\r\n", 400],
    ["a TLS handshake", "\u0016\u0003\u0001\r\n\r\n", 400],
    [
      "headers that are too long",
      `POST /v1/session HTTP/1.1\r\nhost: x\r\na: ${"x".repeat(9000)}\r\n\r\n`,
      431,
    ],
    ["no host", "POST /v1/session HTTP/1.1\r\ncontent-length: 0\r\n\r\n", 400],
    [
      "two lengths",
      "POST /v1/session HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
      400,
    ],
    [
      "a body without a length",
      "POST /v1/session HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
      411,
    ],
  ] as const)("gets an answer: %s", async ([, bytes, status]) => {
    const { port, post } = await rig();
    const said = await answerTo(port, bytes);
    expect(said).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect((await post()).status, "others are served").toBe(200);
  });

  test("a body that does not come to its end is given up", async () => {
    const limits = { ...LIMITS, bodyMs: 50 };
    const { port, requests } = await rig(undefined, { limits });
    const said = await answerTo(port, "POST /v1/session HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{");
    expect(said).toMatch(/^HTTP\/1.1 408 [^]*"code":"REQUEST_INVALID"/);
    expect(requests).toEqual([]);
  });
});

test("several requests go over one connection, until the server drains", async () => {
  let isDraining = false;
  const { port } = await rig(undefined, { draining: () => isDraining });
  const text = "POST /v1/session HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
  const socket = connect(port, "127.0.0.1").setEncoding("latin1");
  onTestFinished(() => void socket.destroy());
  const answer = () =>
    new Promise<string>((resolve) => {
      socket.once("data", resolve);
      socket.write(text);
    });
  expect(await answer()).toMatch(/Connection: keep-alive/);
  isDraining = true;
  expect(await answer()).toMatch(/Connection: close/);
  await new Promise((resolve) => socket.once("close", resolve));
});

/** What the server sends until it closes the connection. */
function answerTo(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let said = "";
    const socket = connect(port, "127.0.0.1");
    socket
      .setEncoding("latin1")
      .on("data", (text: string) => (said += text))
      .on("error", () => undefined)
      .once("close", () => resolve(said))
      .write(bytes, "latin1");
  });
}
