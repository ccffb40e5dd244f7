import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { accessDenied } from "../../../injector/cli/demo/aws/sts-refusal.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import { child } from "../../support/child.ts";
import { http } from "../../support/http.ts";
import { imdsPod, readiness, TRIED } from "../../support/sidecar-pod.ts";

const ROLES = "/latest/meta-data/iam/security-credentials/";
const JS_CLIENT = fileURLToPath(new URL("../../support/sdk-client.ts", import.meta.url));

/** An app that knows of no container endpoint. */
const withImdsAlone = (imdsPort: number) => ({
  AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${imdsPort}`,
  AWS_REGION: "eu-west-1",
  AWS_CONFIG_FILE: "/dev/null",
  AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
});

async function token(port: number): Promise<Readonly<Record<string, string>>> {
  const ttl = { "x-aws-ec2-metadata-token-ttl-seconds": "60" };
  const { body } = await http(port, "/latest/api/token", ttl, "PUT");
  return { "x-aws-ec2-metadata-token": body };
}

test.for(TRIED)("in source %s, an SDK that knows only EC2's metadata gets the pod's role", async (source) => {
  const pod = await imdsPod({}, {}, source);
  await readiness(pod);
  const app = child([JS_CLIENT, pod.sts.url], withImdsAlone(pod.imdsPort));
  expect(await app.exited).toBe(0);
  expect(JSON.parse(app.output())).toEqual({
    arn: "arn:aws:sts::123456789012:assumed-role/billing-reader/billing.api-0",
  });
});

test("an SDK gets nothing when STS refuses, and curl shows what STS said", async () => {
  const pod = await imdsPod({}, { refuse: accessDenied });
  await readiness(pod, "AccessDenied");
  const app = child([JS_CLIENT, pod.sts.url], withImdsAlone(pod.imdsPort));
  await app.exited;
  expect(JSON.parse(app.output())).toMatchObject({ name: "CredentialsProviderError" });
  const { status, body } = await http(pod.imdsPort, `${ROLES}billing-reader`, await token(pod.imdsPort));
  expect(status).toBe(403);
  expect(body).toContain("<p>AccessDenied: STS refused AssumeRoleWithWebIdentity");
});

test("the metadata endpoint counts its answers by status and logs no secret", async () => {
  const pod = await imdsPod();
  await readiness(pod);
  const headers = await token(pod.imdsPort);
  await http(pod.imdsPort, `${ROLES}billing-reader`, headers);
  await http(pod.imdsPort, "/latest/user-data", headers);
  await http(pod.imdsPort, "/latest/meta-data/");
  const { body } = await http(pod.healthPort, "/metrics");
  expect(body).toContain('podrole_imds_requests_total{code="200"} 2\n');
  expect(body).toContain('podrole_imds_requests_total{code="404"} 1\n');
  expect(body).toContain('podrole_imds_requests_total{code="401"} 1\n');
  for (const { secretAccessKey, sessionToken } of pod.sts.issued) {
    expect(pod.sidecar.output()).not.toContain(secretAccessKey);
    expect(pod.sidecar.output()).not.toContain(sessionToken);
  }
  expect(pod.sidecar.output()).not.toContain(headers["x-aws-ec2-metadata-token"]);
});

test("the sidecar ends with the reason when the metadata endpoint's port is taken", async () => {
  const first = await imdsPod();
  await readiness(first);
  const second = await imdsPod({ [ENV.imdsPort]: String(first.imdsPort) });
  expect(await second.sidecar.exited).not.toBe(0);
  expect(second.sidecar.output()).toContain("PORT_IN_USE");
});
