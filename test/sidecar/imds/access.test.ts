import { expect, test } from "vitest";
import type { ImdsDeps } from "../../../sidecar/imds/endpoint.ts";
import { tokensOf } from "../../../sidecar/imds/token.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { IssueError } from "../../../sidecar/sts/issue-error.ts";
import { credentials } from "../../support/credentials.ts";
import { failing, get, HOST, NOW, put, send, TOKEN, tokens } from "./endpoint-rig.ts";

test.each(["1", "21600"])(
  "the metadata endpoint issues a token that is valid for %s seconds",
  async (ttl) => {
    const answered = await put({ "x-aws-ec2-metadata-token-ttl-seconds": ttl });
    expect(answered).toMatchObject({
      status: 200,
      headers: { "Content-Type": "text/plain", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds": ttl },
    });
    expect(tokens.isValid(answered.body)).toBe(true);
  },
);

test.each(["0", "21601", "-1", "", "60s", "1e3", " 60", undefined])(
  "gives no token for %j seconds",
  async (ttl) => {
    expect(await put({ "x-aws-ec2-metadata-token-ttl-seconds": ttl })).toMatchObject({ status: 400 });
  },
);

test("the metadata endpoint issues a token at any version's path, and only by PUT", async () => {
  const ttl = { "x-aws-ec2-metadata-token-ttl-seconds": "60" };
  expect(await put(ttl, "/2021-03-23/api/token")).toMatchObject({ status: 200 });
  expect(await put(ttl, "/latest/api/token/")).toMatchObject({ status: 200 });
  expect(await get("/latest/api/token")).toMatchObject({ status: 405, headers: { Allow: "PUT" }, body: "" });
  expect(await put(ttl, "/latest/meta-data/")).toMatchObject({
    status: 405,
    headers: { Allow: "GET, HEAD" },
  });
});

const LIST = "/latest/meta-data/iam/security-credentials/";

test("the metadata endpoint requires a token for everything but the role's name", async () => {
  const bare = (path: string) => send({ path });
  expect(await bare(LIST)).toMatchObject({ status: 200, body: "billing-reader" });
  for (const path of [
    `${LIST}billing-reader`,
    `${LIST}other`,
    "/",
    "/latest/",
    "/latest/meta-data/iam/info",
    "/x",
  ]) {
    const { status, body } = await bare(path);
    expect([path, status]).toEqual([path, 401]);
    expect(body).toContain("<h1>401 - Unauthorized</h1>");
  }
});

test("the metadata endpoint serves IMDSv1 when that is allowed, and refuses a wrong token even then", async () => {
  const allowed: Partial<ImdsDeps> = { v1: "allowed" };
  expect(await send({ path: `${LIST}billing-reader` }, allowed)).toMatchObject({ status: 200 });
  const headers = { host: HOST, "x-aws-ec2-metadata-token": "guess" };
  expect(await send({ path: `${LIST}billing-reader`, headers }, allowed)).toMatchObject({ status: 401 });
  expect(await send({ path: LIST, headers }, allowed)).toMatchObject({ status: 401 });
});

test("the metadata endpoint refuses a token that has expired, of another process, or changed", async () => {
  let now = NOW;
  const own = tokensOf(Buffer.alloc(32, 1), () => now);
  const token = own.issue(60);
  const status = async (value: string): Promise<number> => {
    const headers = { host: HOST, "x-aws-ec2-metadata-token": value };
    return (await send({ path: LIST, headers }, { tokens: own })).status;
  };
  expect(await status(token)).toBe(200);
  expect(await status(tokensOf(Buffer.alloc(32, 2), () => now).issue(60))).toBe(401);
  expect(await status(token.replace(/^./, (first) => (first === "A" ? "B" : "A")))).toBe(401);
  expect(await status("")).toBe(401);
  now += 60_000;
  expect(await status(token)).toBe(401);
});

test.each(["169.254.169.254", "169.254.169.254:80", "[fd00:ec2::254]", "[FD00:EC2::254]:80"])(
  "knows itself as %s",
  async (host) => {
    expect(await send({ path: LIST, headers: { host } })).toMatchObject({ status: 200 });
  },
);

test.each([
  undefined,
  "",
  "evil.example",
  "169.254.169.254.evil.example",
  "169.254.169.254@evil",
  "10.1.2.3",
])("answers no request that was meant for %j", async (host) => {
  const { status, body } = await send({ path: LIST, headers: { host } });
  expect(status).toBe(400);
  expect(body).toContain("<title>400 - Bad Request</title>");
});

test("the metadata endpoint refuses a request through a proxy", async () => {
  const forwarded = { "x-forwarded-for": "10.0.0.1" };
  expect(await put({ "x-aws-ec2-metadata-token-ttl-seconds": "60", ...forwarded })).toMatchObject({
    status: 403,
  });
  expect(await send({ path: LIST, headers: { host: HOST, ...forwarded } })).toMatchObject({ status: 403 });
});

test("the metadata endpoint answers 503 with the reason while there are no credentials, and still names the role", async () => {
  const notReady = failing(new CodedError("CREDENTIALS_NOT_READY", "No credentials <yet>."));
  const { status, body } = await get(`${LIST}billing-reader`, notReady);
  expect(status).toBe(503);
  expect(body).toContain("<p>CREDENTIALS_NOT_READY: No credentials &lt;yet>.</p>");
  expect(await get(LIST, notReady)).toMatchObject({ status: 200, body: "billing-reader" });
});

test("the metadata endpoint answers 403 with the reason when STS refuses, and not the 200 that breaks some clients", async () => {
  const refusal = new IssueError("AccessDenied", "STS refused.", { kind: "definite", remedy: "Trust it." });
  const { status, body } = await get(`${LIST}billing-reader`, failing(refusal));
  expect(status).toBe(403);
  expect(body).toContain("<h1>403 - Forbidden</h1>\n  <p>AccessDenied: STS refused. Trust it.</p>");
});

test("the metadata endpoint answers an outage with a status that no client takes for an answer", async () => {
  const outage = new IssueError("InternalFailure", "STS failed.", { kind: "passing" });
  expect(await get(`${LIST}billing-reader`, failing(outage))).toMatchObject({ status: 503 });
});

test("the metadata endpoint fetches no credentials for a request that it refuses", async () => {
  let asked = 0;
  const counting: Partial<ImdsDeps> = {
    credentials: async () => {
      asked += 1;
      return credentials();
    },
  };
  const path = `${LIST}billing-reader`;
  await send({ path }, counting);
  await send({ path, headers: { host: "evil.example", "x-aws-ec2-metadata-token": TOKEN } }, counting);
  await send({ path, method: "POST", headers: { host: HOST, "x-aws-ec2-metadata-token": TOKEN } }, counting);
  expect(asked).toBe(0);
});
