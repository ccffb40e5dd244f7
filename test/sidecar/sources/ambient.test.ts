import { expect, onTestFinished, test } from "vitest";
import { writeFile } from "node:fs/promises";
import { imdsStandIn } from "../../../injector/cli/demo/aws/imds.ts";
import { ROLE } from "../../support/credentials.ts";
import { setEnv } from "../../support/set-env.ts";
import { AMBIENT, stsRig } from "../../support/sts-rig.ts";
import { tempFile } from "../../support/temp-files.ts";

test("source ambient calls STS with the keys of the environment", async () => {
  const rig = await stsRig();
  setEnv({ AWS_ACCESS_KEY_ID: AMBIENT.id, AWS_SECRET_ACCESS_KEY: AMBIENT.secret });
  expect(await rig.issue({ source: "ambient" })).toMatchObject({ roleArn: ROLE });
  expect(rig.sts.calls).toMatchObject([
    { action: "AssumeRole", caller: "arn:aws:iam::123456789012:user/podrole" },
  ]);
});

test("source ambient calls STS with the keys of the profile, and with new ones once the file has changed", async () => {
  const rig = await stsRig();
  const profile = (id: string): string =>
    `[default]\naws_access_key_id = ${id}\naws_secret_access_key = ${AMBIENT.secret}\n`;
  const file = tempFile(profile("AKIAOLD"));
  setEnv({ AWS_SHARED_CREDENTIALS_FILE: file, AWS_CONFIG_FILE: "/nowhere" });
  expect(await rig.failure({ source: "ambient" })).toMatchObject({
    code: "InvalidClientTokenId",
    kind: "definite",
    remedy: expect.stringContaining("Secret"),
  });
  await writeFile(file, profile(AMBIENT.id));
  expect(await rig.issue({ source: "ambient" })).toMatchObject({ roleArn: ROLE });
});

test("source ambient never takes the credentials of the node or of a container", async () => {
  const rig = await stsRig();
  const imds = await imdsStandIn({
    role: "node",
    keys: () => rig.sts.issue("arn:aws:sts::1:assumed-role/node/i", 900),
  });
  onTestFinished(() => imds.close());
  setEnv({
    AWS_SHARED_CREDENTIALS_FILE: "/nowhere",
    AWS_CONFIG_FILE: "/nowhere",
    AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url,
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${imds.url}/latest`,
  });
  expect(await rig.failure({ source: "ambient" })).toMatchObject({
    code: "AMBIENT_KEYS_MISSING",
    message: expect.stringContaining("(CredentialsProviderError)") as string,
  });
  expect(imds.requests).toEqual([]);
});
