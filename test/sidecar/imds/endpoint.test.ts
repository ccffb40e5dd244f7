import * as fc from "fast-check";
import { expect, test } from "vitest";
import { answerText } from "../../../sidecar/kit/http-message.ts";
import { imdsEndpoint } from "../../../sidecar/imds/endpoint.ts";
import type { Leaf } from "../../../sidecar/imds/leaves.ts";
import { deps, get, HOST, NOW, send, TOKEN } from "./endpoint-rig.ts";

test("the metadata endpoint serves the pod's credentials with EC2's fields and no other", async () => {
  expect(await get("/latest/meta-data/iam/security-credentials/billing-reader")).toEqual({
    status: 200,
    headers: {
      Server: "EC2ws",
      "Content-Type": "text/plain",
      "Accept-Ranges": "none",
      "Last-Modified": "Sat, 21 Nov 2026 12:00:00 GMT",
      "Content-Length": "243",
      "Cache-Control": "no-store",
    },
    body: `{
  "Code" : "Success",
  "Type" : "AWS-HMAC",
  "LastUpdated" : "2026-11-21T12:00:00Z",
  "AccessKeyId" : "ASIAEXAMPLE",
  "SecretAccessKey" : "the-secret-access-key",
  "Token" : "the-session-token",
  "Expiration" : "2026-11-21T13:00:00Z"
}`,
  });
});

test.each([
  ["/", expect.stringMatching(/^1\.0\n2007-01-19\n(?:20\d\d-\d\d-\d\d\n)+latest$/)],
  ["/latest", "dynamic\nmeta-data"],
  ["/latest/", "dynamic\nmeta-data"],
  ["/1.0/", "dynamic\nmeta-data"],
  ["/2024-04-11/", "dynamic\nmeta-data"],
  ["/latest/meta-data/", "iam/\ninstance-id\ninstance-type\nlocal-ipv4\nplacement/\nservices/"],
  ["/latest/meta-data", "iam/\ninstance-id\ninstance-type\nlocal-ipv4\nplacement/\nservices/"],
  ["/latest/meta-data/iam/", "info\nsecurity-credentials/"],
  ["/latest/meta-data/iam/security-credentials", "billing-reader"],
  ["/latest/meta-data/iam/security-credentials/", "billing-reader"],
  ["/latest/meta-data/placement/", "availability-zone\nregion"],
  ["/latest/meta-data/placement/region", "eu-west-1"],
  ["/2009-04-04/meta-data/placement/availability-zone", "eu-west-1a"],
  ["/latest/meta-data/placement/availability-zone?x=1", "eu-west-1a"],
  ["/latest/meta-data/instance-id", "i-0123456789abcdef0"],
  ["/latest/meta-data/instance-type", "m7g.large"],
  ["/latest/meta-data/local-ipv4", "10.1.2.3"],
  ["/latest/meta-data/services/", "domain\npartition"],
  ["/latest/meta-data/services/domain", "amazonaws.com"],
  ["/latest/meta-data/services/partition", "aws"],
  ["/latest/dynamic/", "instance-identity/"],
  ["/latest/dynamic/instance-identity/", "document"],
])("the metadata endpoint answers %s as EC2 does", async (path, body) => {
  expect(await get(path)).toMatchObject({ status: 200, headers: { "Content-Type": "text/plain" }, body });
});

test("the metadata endpoint shows role and account as an instance profile", async () => {
  const { body } = await get("/latest/meta-data/iam/info");
  expect(JSON.parse(body)).toEqual({
    Code: "Success",
    LastUpdated: "2026-11-21T12:00:00Z",
    InstanceProfileArn: "arn:aws:iam::123456789012:instance-profile/billing-reader",
  });
});

test("the metadata endpoint puts only known facts into the identity document", async () => {
  const { body } = await get("/latest/dynamic/instance-identity/document");
  expect(JSON.parse(body)).toEqual({
    accountId: "123456789012",
    availabilityZone: "eu-west-1a",
    instanceId: "i-0123456789abcdef0",
    instanceType: "m7g.large",
    privateIp: "10.1.2.3",
    region: "eu-west-1",
    version: "2017-09-30",
  });
});

test("the metadata endpoint has no path for an unknown fact", async () => {
  const { status, body } = await get("/latest/meta-data/instance-id", { facts: {} });
  expect(status).toBe(404);
  expect(body).toContain("<title>404 - Not Found</title>");
  expect(await get("/latest/meta-data/", { facts: {} })).toMatchObject({ body: "iam/\nservices/" });
});

test("the metadata endpoint names a role by the last part of its ARN, and finds it escaped as well", async () => {
  const role = { roleArn: "arn:aws-cn:iam::123456789012:role/team/a/reader@x+y" };
  const list = await get("/latest/meta-data/iam/security-credentials/", role);
  expect(list.body).toBe("reader@x+y");
  for (const name of ["reader@x+y", "reader%40x%2By", "reader%40x%2by"]) {
    expect(await get(`/latest/meta-data/iam/security-credentials/${name}`, role)).toMatchObject({
      status: 200,
    });
  }
  expect(await get("/latest/meta-data/services/domain", role)).toMatchObject({ body: "amazonaws.com.cn" });
  expect((await get("/latest/meta-data/iam/info", role)).body).toContain(
    '"arn:aws-cn:iam::123456789012:instance-profile/team/a/reader@x+y"',
  );
});

test.each([
  "/latest/meta-data/iam/security-credentials/another-role",
  "/latest/meta-data/iam/security-credentials/billing-reader2",
  "/latest/meta-data/iam/security-credentials/Billing-Reader",
  "/latest/meta-data/iam/security-credentials/arn:aws:iam::123456789012:role/billing-reader",
  "/latest/meta-data/iam/security-credentials/%zz",
  "/latest/meta-data/iam/security-credentials/x%2Fbilling-reader",
  "/latest/meta-data/iam/security-credentials/billing-reader/x",
  "/latest/meta-data/iam/security-credentials-extended/",
  "/latest/meta-data/identity-credentials/ec2/security-credentials/ec2-instance",
  "/latest/meta-data/public-keys/",
  "/latest/meta-dat",
  "/latest//meta-data/",
  "//latest/meta-data/",
  "/latest/meta-data//",
  "/latest/meta-data/./placement/region",
  "/latest/dynamic/../meta-data/placement/region",
  "/latest/meta-data/placement%2Fregion",
  "/LATEST/meta-data/",
  "/latest/Meta-Data/",
  "/2024/meta-data/",
  "/latest/dynamic/instance-identity/signature",
  "/latest/dynamic/instance-identity/pkcs7",
  "/latest/dynamic/instance-identity/rsa2048",
  "/latest/meta-data/constructor",
  "/latest/__proto__",
  "http://169.254.169.254/latest/meta-data/",
  "*",
  "",
])("the metadata endpoint has nothing at %j", async (path) => {
  expect(await get(path)).toMatchObject({ status: 404, headers: { "Content-Type": "text/html" } });
});

test.each([
  "/latest/user-data",
  "/latest/user-data/",
  "/1.0/user-data",
  "/2009-04-04/user-data",
  "/2021-03-23/user-data?x",
  "/latest/USER-DATA",
  "/latest/%75ser-data",
  "/latest/user%2Ddata",
  "/latest//user-data",
  "//latest/user-data",
  "/latest/meta-data/../user-data",
  "/latest/meta-data/%2e%2e/user-data",
  "/latest/meta-data/iam/security-credentials/../../../user-data",
  "/latest/meta-data/iam/security-credentials/..%2f..%2f..%2fuser-data",
  "/latest/user-data;x",
  "/latest/user-data%00",
])("has no user data at %j", async (path) => {
  expect(await get(path)).toMatchObject({ status: 404 });
});

test("the metadata endpoint answers every request with a status of EC2's, and never user data", async () => {
  const part = fc.oneof(
    fc.constantFrom(
      ...(
        "latest 1.0 meta-data user-data iam security-credentials billing-reader api token .. . %2e%2e %2F dynamic " +
        "placement region"
      ).split(" "),
    ),
    fc.constant(""),
    fc.string({ maxLength: 12 }),
  );
  const paths = fc.array(part, { maxLength: 8 }).map((parts) => `/${parts.join("/")}`);
  const methods = fc.constantFrom("GET", "HEAD", "PUT", "POST", "OPTIONS", "get");
  const headers = fc.record(
    {
      host: fc.oneof(fc.constant(HOST), fc.string()),
      "x-aws-ec2-metadata-token": fc.oneof(fc.constant(TOKEN), fc.string(), fc.constant(["a", "b"])),
      "x-aws-ec2-metadata-token-ttl-seconds": fc.oneof(fc.constant("60"), fc.string()),
    },
    { requiredKeys: ["host"] },
  );
  const endpoint = imdsEndpoint(deps);
  await fc.assert(
    fc.asyncProperty(paths, methods, headers, async (path, method, sent) => {
      const answered = await endpoint({ method, path, headers: sent });
      expect([200, 400, 401, 404, 405]).toContain(answered.status);
      const userData = method !== "PUT" && (path.split("?", 1)[0] ?? "").includes("user-data");
      expect(userData && answered.status === 200).toBe(false);
      const withToken = sent["x-aws-ec2-metadata-token"] === TOKEN;
      expect(!withToken && answered.body.includes("the-secret-access-key")).toBe(false);
    }),
    { numRuns: 3000 },
  );
});

test("the metadata endpoint answers HEAD as it answers GET, and the server leaves the body out", async () => {
  const headers = { host: HOST, "x-aws-ec2-metadata-token": TOKEN };
  const answered = await send({ method: "HEAD", path: "/latest/meta-data/placement/region", headers });
  expect(answered).toMatchObject({ status: 200, headers: { "Content-Length": "9" } });
  expect(answerText("HEAD", answered)).toMatch(/\r\nContent-Length: 9\r\n[^]*\r\n\r\n$/);
});

test("the metadata endpoint prefers the node's answer to a fact of its own", async () => {
  const nodeLeaves = new Map<string, Leaf>([
    ["meta-data/local-ipv4", async () => ({ body: "192.0.2.7", modifiedAt: NOW })],
    ["meta-data/spot/instance-action", async () => undefined],
  ]);
  expect(await get("/latest/meta-data/local-ipv4", { nodeLeaves })).toMatchObject({ body: "192.0.2.7" });
  expect(await get("/latest/meta-data/spot/instance-action", { nodeLeaves })).toMatchObject({ status: 404 });
  expect(await get("/latest/meta-data/spot/", { nodeLeaves })).toMatchObject({ body: "instance-action" });
});
