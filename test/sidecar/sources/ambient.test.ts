import { expect, onTestFinished, test } from "vitest";
import { imdsStandIn } from "../../../injector/cli/demo/aws/imds.ts";
import { parseConfig } from "../../../sidecar/config/config.ts";
import { ROLE } from "../../support/credentials.ts";
import { setEnv } from "../../support/set-env.ts";
import { sidecarEnv } from "../../support/sidecar-env.ts";
import { AMBIENT, AMBIENT_ENV, stsRig } from "../../support/sts-rig.ts";
import { tempFile } from "../../support/temp-files.ts";
import { thrown } from "../../support/thrown.ts";

test("source ambient calls STS with the keys of its variables", async () => {
  const rig = await stsRig();
  expect(await rig.issue({ source: "ambient", env: AMBIENT_ENV })).toMatchObject({ roleArn: ROLE });
  expect(rig.sts.calls).toMatchObject([
    { action: "AssumeRole", caller: "arn:aws:iam::123456789012:user/podrole" },
  ]);
});

test("source ambient calls STS with a session's keys and token", async () => {
  const rig = await stsRig();
  const admin = "arn:aws:sts::123456789012:assumed-role/podrole/session";
  const { accessKeyId, secretAccessKey, sessionToken } = rig.sts.issue(admin, 900);
  const env = {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  };
  await rig.issue({ source: "ambient", env });
  expect(rig.sts.calls).toMatchObject([{ caller: admin }]);
});

test("source ambient reports keys that STS does not know, with the remedy", async () => {
  const rig = await stsRig();
  const env = { ...AMBIENT_ENV, AWS_ACCESS_KEY_ID: "AKIAOLD" };
  expect(await rig.failure({ source: "ambient", env })).toMatchObject({
    code: "InvalidClientTokenId",
    kind: "definite",
    remedy: expect.stringContaining("Secret"),
  });
});

test("source ambient takes nothing from files, from the node or from a container", async () => {
  const rig = await stsRig();
  const imds = await imdsStandIn({
    role: "node",
    keys: () => rig.sts.issue("arn:aws:sts::1:assumed-role/node/i", 900),
  });
  onTestFinished(() => imds.close());
  const profile = `[default]\naws_access_key_id = ${AMBIENT.id}\naws_secret_access_key = ${AMBIENT.secret}\n`;
  setEnv({
    AWS_SHARED_CREDENTIALS_FILE: tempFile(profile),
    AWS_CONFIG_FILE: tempFile(profile),
    AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url,
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${imds.url}/latest`,
  });
  expect(await rig.failure({ source: "ambient", env: process.env })).toMatchObject({
    code: "AMBIENT_KEYS_MISSING",
    kind: "passing",
    message: expect.stringContaining("AWS_ACCESS_KEY_ID") as string,
  });
  expect(imds.requests).toEqual([]);
});

test.each(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])(
  "source ambient names %s when only that is missing",
  async (name) => {
    const rig = await stsRig();
    const error = await rig.failure({ source: "ambient", env: { ...AMBIENT_ENV, [name]: undefined } });
    expect(error).toMatchObject({ code: "AMBIENT_KEYS_MISSING", message: expect.stringContaining(name) });
    expect(rig.sts.calls).toEqual([]);
  },
);

test.each(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])(
  "a %s with a line break is reported at start, and not repeated",
  async (name) => {
    const env = { ...sidecarEnv(), PODROLE_SOURCE: "ambient", ...AMBIENT_ENV, [name]: "hunter2\n" };
    const error = await thrown(() => parseConfig(env));
    expect(error).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining(name) });
    expect(error.message).not.toContain("hunter2");
  },
);

test("the keys of source ambient are not printed with the configuration", () => {
  const config = parseConfig({ ...sidecarEnv(), PODROLE_SOURCE: "ambient", ...AMBIENT_ENV });
  expect(JSON.stringify(config)).not.toContain(AMBIENT.secret);
});
