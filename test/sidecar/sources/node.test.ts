import { expect, onTestFinished, test } from "vitest";
import { imdsStandIn } from "../../../injector/cli/demo/aws/imds.ts";
import { ROLE } from "../../support/credentials.ts";
import { freePort } from "../../support/free-port.ts";
import { setEnv } from "../../support/set-env.ts";
import { stsRig } from "../../support/sts-rig.ts";

test("source node calls STS with the keys that it asks the metadata service for by IMDSv2", async () => {
  const rig = await stsRig();
  const node = "arn:aws:sts::123456789012:assumed-role/node/i-0abc";
  const imds = await imdsStandIn({ role: "node", keys: () => rig.sts.issue(node, 6 * 3600) });
  onTestFinished(() => imds.close());
  setEnv({ AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url });
  const tags = { "kubernetes-namespace": "billing" };
  await rig.issue({ source: "node", steps: [{ roleArn: ROLE, durationSeconds: 3600, tags }] });
  expect(imds.requests).toEqual([
    "PUT /latest/api/token",
    "GET /latest/meta-data/iam/security-credentials/",
    "GET /latest/meta-data/iam/security-credentials/node",
  ]);
  expect(rig.sts.calls).toMatchObject([{ action: "AssumeRole", caller: node, tags }]);
});

test("source node fails for the moment when the metadata service is out of reach", async () => {
  const rig = await stsRig();
  setEnv({ AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${await freePort()}` });
  expect(await rig.failure({ source: "node" })).toMatchObject({
    code: "NODE_IDENTITY_UNAVAILABLE",
    kind: "passing",
    message: expect.stringContaining("(InstanceMetadataV1FallbackError)") as string,
  });
});
