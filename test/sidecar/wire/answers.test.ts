import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { IssueError } from "../../../sidecar/sts/issue-error.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import type { Credentials } from "../../../sidecar/sts/credentials.ts";
import { answer, type ServedIdentity, type WireDeps } from "../../../sidecar/wire/answers.ts";
import type { WireAnswer, WireRequest } from "../../../sidecar/kit/http-message.ts";
import { credentials } from "../../support/credentials.ts";

const TOKEN = "the-token";
const identity = (
  token: string,
  granted: () => Promise<Credentials> = async () => credentials(),
): ServedIdentity => ({
  tokenSha256: createHash("sha256").update(token).digest(),
  credentials: granted,
});
const deps: WireDeps = { identities: [identity(TOKEN)] };

const get = (over: Partial<WireRequest> = {}, overDeps: Partial<WireDeps> = {}): Promise<WireAnswer> =>
  answer(
    {
      method: "GET",
      path: "/v1/credentials",
      headers: { host: "127.0.0.1:16925", authorization: TOKEN },
      ...over,
    },
    { ...deps, ...overDeps },
  );

const failing = (error: Error): Promise<WireAnswer> =>
  get({}, { identities: [identity(TOKEN, () => Promise.reject(error))] });

test("the credentials endpoint answers with the nine fields that SDKs read, and no other", async () => {
  expect(await get()).toEqual({
    status: 200,
    headers: { "Content-Type": "application/json", "Content-Length": "292", "Cache-Control": "no-store" },
    body:
      '{"Code":"Success","Type":"AWS-HMAC","LastUpdated":"2026-11-21T12:00:00Z","AccessKeyId":"ASIAEXAMPLE",' +
      '"SecretAccessKey":"the-secret-access-key","Token":"the-session-token","Expiration":"2026-11-21T13:00:00Z",' +
      '"AccountId":"123456789012","RoleArn":"arn:aws:iam::123456789012:role/billing-reader"}',
  });
});

test("the credentials endpoint ignores a query string", async () => {
  expect(await get({ path: "/v1/credentials?x=1" })).toMatchObject({ status: 200 });
});

const denied = new IssueError("AccessDenied", "STS refused.", { kind: "definite", remedy: "Trust it." });

test.each([
  ["a strange host", { headers: { host: "evil.example", authorization: TOKEN } }, 400, "HOST_REFUSED"],
  [
    "a proxied request",
    { headers: { host: "localhost", authorization: TOKEN, "x-forwarded-for": "10.0.0.1" } },
    400,
    "PROXY_REFUSED",
  ],
  ["no token", { headers: { host: "localhost" } }, 401, "TOKEN_MISSING"],
  ["a wrong token", { headers: { host: "localhost", authorization: "guess" } }, 403, "TOKEN_WRONG"],
  ["another path", { path: "/latest/meta-data" }, 404, "PATH_UNKNOWN"],
  ["a path above ours", { path: "/v1/credentials/.." }, 404, "PATH_UNKNOWN"],
  ["an absolute target", { path: "http://127.0.0.1/v1/credentials" }, 404, "PATH_UNKNOWN"],
  ["another method", { method: "PUT" }, 405, "METHOD_REFUSED"],
])("the credentials endpoint refuses %s", async (_, request, status, code) => {
  const { body, ...refusal } = await get(request);
  expect(refusal.status).toBe(status);
  expect(JSON.parse(body)).toMatchObject({ Code: code, code });
});

test("the credentials endpoint fetches no credentials for a request that it refuses", async () => {
  let asked = 0;
  const counting = async () => {
    asked += 1;
    return credentials();
  };
  await get(
    { headers: { host: "localhost", authorization: "guess" } },
    { identities: [identity(TOKEN, counting)] },
  );
  await get(
    { headers: { host: "evil.example", authorization: TOKEN } },
    { identities: [identity(TOKEN, counting)] },
  );
  expect(asked).toBe(0);
});

test("the credentials endpoint names the allowed method in a 405", async () => {
  expect(await get({ method: "HEAD" })).toMatchObject({ status: 405, headers: { Allow: "GET" } });
});

test.each([
  ["AccessDenied", 403],
  ["IDPRejectedClaim", 403],
  ["RegionDisabledException", 403],
  ["ValidationError", 400],
  ["PackedPolicyTooLarge", 400],
  ["InvalidIdentityToken", 400],
])(
  "the credentials endpoint answers STS's definite %s with %i, which no SDK repeats",
  async (code, status) => {
    const refusal = await failing(new IssueError(code, "No.", { kind: "definite" }));
    expect(refusal.status).toBe(status);
  },
);

test("the credentials endpoint answers a refusal by the cluster's rules with 403, as STS's AccessDenied", async () => {
  const refusal = new IssueError("ROLE_NOT_ALLOWED", "No.", { kind: "definite", endsSession: true });
  expect((await failing(refusal)).status).toBe(403);
});

test("the credentials endpoint writes an error in both spellings, with the remedy in the message", async () => {
  const { body } = await failing(denied);
  const message = "STS refused. Trust it.";
  expect(JSON.parse(body)).toEqual({ Code: "AccessDenied", Message: message, code: "AccessDenied", message });
});

test.each([
  new CodedError("CREDENTIALS_NOT_READY", "No credentials yet."),
  new CodedError("METADATA_REACHABLE", "The pod can connect."),
  new IssueError("STS_TIMEOUT", "No answer.", { kind: "passing" }),
  new IssueError("Throttling", "Rate exceeded.", { kind: "throttled" }),
  new TypeError("unforeseen"),
])("the credentials endpoint answers 503, which every SDK repeats, to what may pass: %s", async (error) => {
  expect(await failing(error)).toMatchObject({ status: 503 });
});

test("the credentials endpoint gives every error the content type that Kotlin and Go need, and its length in bytes", async () => {
  const { headers, body } = await failing(new CodedError("X", "Zoë."));
  expect(headers).toEqual({
    "Content-Type": "application/json",
    "Content-Length": String(Buffer.byteLength(body)),
    "Cache-Control": "no-store",
  });
});

test("the credentials endpoint serves each token its own identity, whatever happens to the others", async () => {
  const refused = new IssueError("AccessDenied", "STS refused.", { kind: "definite" });
  const identities = [
    identity("reader", async () => credentials({ accessKeyId: "ASIAREADER" })),
    identity("writer", async () => credentials({ accessKeyId: "ASIAWRITER" })),
    identity("nobody", () => Promise.reject(refused)),
  ];
  const as = (authorization: string): Promise<WireAnswer> =>
    get({ headers: { host: "127.0.0.1", authorization } }, { identities });
  expect(JSON.parse((await as("reader")).body)).toMatchObject({ AccessKeyId: "ASIAREADER" });
  expect(JSON.parse((await as("writer")).body)).toMatchObject({ AccessKeyId: "ASIAWRITER" });
  expect(await as("nobody")).toMatchObject({ status: 403 });
  expect(await as("guess")).toMatchObject({ status: 403, body: expect.stringContaining("TOKEN_WRONG") });
});
