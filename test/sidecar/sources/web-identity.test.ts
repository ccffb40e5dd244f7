import { expect, test } from "vitest";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROLE } from "../../support/credentials.ts";
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
  // As the kubelet's atomic writer lays a projected volume out: token -> ..data/token, ..data -> ..<time>.
  const renew = async (folder: string, token: string): Promise<void> => {
    await mkdir(join(volume, folder));
    await writeFile(join(volume, folder, "token"), token);
    await symlink(folder, join(volume, "..data_tmp"));
    await rename(join(volume, "..data_tmp"), join(volume, "..data"));
  };
  const tokenFile = join(volume, "token");
  await renew("..day_1", "header.of-yesterday.signature");
  await symlink("..data/token", tokenFile);
  expect(await rig.failure({ tokenFile })).toMatchObject({ code: "InvalidIdentityToken" });
  await renew("..day_2", WEB_TOKEN);
  await rm(join(volume, "..day_1"), { recursive: true });
  expect(await rig.issue({ tokenFile })).toMatchObject({ roleArn: ROLE });
  await rm(join(volume, "..day_2"), { recursive: true });
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
