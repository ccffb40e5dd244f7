import { expect, test } from "vitest";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROLE } from "../../support/credentials.ts";
import { projectedVolume } from "../../support/projected-volume.ts";
import { stsRig, WEB_TOKEN } from "../../support/sts-rig.ts";
import { tempFile, tempFolder } from "../../support/temp-files.ts";

test("source web-identity makes one unsigned call and returns the session as granted", async () => {
  const rig = await stsRig();
  const granted = await rig.issue();
  const [issued] = rig.sts.issued;
  expect(granted).toMatchObject({
    accessKeyId: issued?.accessKeyId,
    expiresAt: issued?.expiresAt,
    roleArn: ROLE,
    accountId: "123456789012",
  });
  expect(granted.secretAccessKey.reveal()).toBe(issued?.secretAccessKey);
  expect(granted.sessionToken.reveal()).toBe(issued?.sessionToken);
  expect(rig.sts.calls).toMatchObject([
    {
      action: "AssumeRoleWithWebIdentity",
      roleArn: ROLE,
      sessionName: "billing.api-0",
      durationSeconds: 3600,
    },
  ]);
  expect(rig.outcomes).toEqual(["Success"]);
});

test("source web-identity reads the token file again for every attempt", async () => {
  const rig = await stsRig();
  const file = tempFile("header.of-yesterday.signature");
  expect(await rig.failure({ tokenFile: file })).toMatchObject({
    code: "InvalidIdentityToken",
  });
  await writeFile(file, WEB_TOKEN);
  expect(await rig.issue({ tokenFile: file })).toMatchObject({ roleArn: ROLE });
});

test("source web-identity follows the kubelet when it swaps the link to the token's folder", async () => {
  const rig = await stsRig();
  const volume = tempFolder();
  const { file: tokenFile, rotate } = projectedVolume("header.of-yesterday.signature", volume);
  expect(await rig.failure({ tokenFile })).toMatchObject({ code: "InvalidIdentityToken" });
  rotate(WEB_TOKEN);
  expect(await rig.issue({ tokenFile })).toMatchObject({ roleArn: ROLE });
  await rm(join(volume, "..data"));
  expect(await rig.failure({ tokenFile })).toMatchObject({ code: "TOKEN_FILE_UNREADABLE" });
});

test.each([
  ["missing", () => "/nowhere/token"],
  ["empty", () => tempFile("\n")],
])(
  "source web-identity fails for the moment and does not call STS when the token file is %s",
  async (_, file) => {
    const rig = await stsRig();
    expect(await rig.failure({ tokenFile: file() })).toMatchObject({
      code: "TOKEN_FILE_UNREADABLE",
      kind: "passing",
    });
    expect(rig.sts.calls).toEqual([]);
  },
);
