import { createServer } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { imdsStandIn } from "../../../injector/cli/demo/aws/imds.ts";
import { ROLE } from "../../support/credentials.ts";
import { freePort } from "../../support/free-port.ts";
import { listening } from "../../support/listening.ts";
import { stsRig } from "../../support/sts-rig.ts";

test("source node calls STS with the keys that it asks the metadata service for by IMDSv2", async () => {
  const rig = await stsRig();
  const node = "arn:aws:sts::123456789012:assumed-role/node/i-0abc";
  const imds = await imdsStandIn({ role: "node", keys: () => rig.sts.issue(node, 6 * 3600) });
  onTestFinished(() => imds.close());
  const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url };
  const tags = { "kubernetes-namespace": "billing" };
  await rig.issue({ source: "node", env, steps: [{ roleArn: ROLE, durationSeconds: 3600, tags }] });
  expect(imds.requests).toEqual([
    "PUT /latest/api/token",
    "GET /latest/meta-data/iam/security-credentials/",
    "GET /latest/meta-data/iam/security-credentials/node",
  ]);
  expect(rig.sts.calls).toMatchObject([{ action: "AssumeRole", caller: node, tags }]);
});

test("source node asks for the keys again at every attempt", async () => {
  const rig = await stsRig();
  let made = 0;
  const keys = () => rig.sts.issue(`arn:aws:sts::123456789012:assumed-role/node/i-${(made += 1)}`, 3600);
  const imds = await imdsStandIn({ role: "node", keys });
  onTestFinished(() => imds.close());
  const ask = rig.issuer({ source: "node", env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url } });
  await ask();
  await ask();
  expect(rig.sts.calls.map(({ caller }) => caller?.at(-1))).toEqual(["1", "2"]);
});

test("source node fails for the moment when the metadata service is out of reach", async () => {
  const rig = await stsRig();
  const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${await freePort()}` };
  expect(await rig.failure({ source: "node", env })).toMatchObject({
    code: "NODE_IDENTITY_UNAVAILABLE",
    kind: "passing",
    message: expect.stringContaining("(ECONNREFUSED)") as string,
  });
});

const ROLES = "/latest/meta-data/iam/security-credentials/";
const KEYS = { AccessKeyId: "ASIANODE", SecretAccessKey: "hunter2", Token: "hunter2" };

test.each([
  ["gives no token", {}, "status 404 in place of a token"],
  ["gives a token of two lines", { "/latest/api/token": "a\nb" }, "status 200 in place of a token"],
  ["knows no role", { "/latest/api/token": "t" }, "status 404"],
  ["names no role", { "/latest/api/token": "t", [ROLES]: "<html>" }, "no name of a role"],
  [
    "names one that leads elsewhere",
    { "/latest/api/token": "t", [ROLES]: "../../user-data" },
    "no name of a role",
  ],
  [
    "gives no document",
    { "/latest/api/token": "t", [ROLES]: "r", [`${ROLES}r`]: "hunter2" },
    "a document without keys",
  ],
  [
    "gives keys of which one is missing",
    { "/latest/api/token": "t", [ROLES]: "r", [`${ROLES}r`]: JSON.stringify({ ...KEYS, Token: undefined }) },
    "a document without keys",
  ],
  [
    "gives a token with a line break",
    { "/latest/api/token": "t", [ROLES]: "r", [`${ROLES}r`]: JSON.stringify({ ...KEYS, Token: "a\nb" }) },
    "a document without keys",
  ],
])("source node calls no STS when the metadata service %s", async (_, pages, why) => {
  const rig = await stsRig();
  const server = createServer((request, response) => {
    const page = Object.hasOwn(pages, request.url ?? "")
      ? pages[request.url as keyof typeof pages]
      : undefined;
    response.writeHead(page === undefined ? 404 : 200).end(page);
  });
  onTestFinished(() => void server.close());
  const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${await listening(server)}` };
  const error = await rig.failure({ source: "node", env });
  expect(error).toMatchObject({ code: "NODE_IDENTITY_UNAVAILABLE", kind: "passing" });
  expect(error.message).toContain(`(${why})`);
  expect(String(error)).not.toContain("hunter2");
  expect(rig.sts.calls).toEqual([]);
});
