import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "../../../support/temp-files.ts";
import { ACCOUNT, ISSUER, kube2iamTool, migrate, newFolder, textFile, workload } from "./rig.ts";

const roles = (...names: readonly string[]): string =>
  textFile(
    JSON.stringify({
      Roles: names.map((name) => ({
        Arn: ACCOUNT + name,
        AssumeRolePolicyDocument: {
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Principal: { AWS: `${ACCOUNT}nodes` }, Action: "sts:AssumeRole" }],
        },
      })),
    }),
  );

/** Runs a script with an `aws` that does what these commands of a shell do. */
function ran(script: string, aws: string): { readonly status: number | null; readonly lines: string[] } {
  const bin = tempFolder();
  writeFileSync(join(bin, "aws"), `#!/bin/sh\n[ "$1" != sts ] || { echo 111122223333; exit; }\n${aws}\n`, {
    mode: 0o755,
  });
  const { status, stderr } = spawnSync("/bin/sh", [script], { encoding: "utf8", env: { PATH: bin } });
  return { status, lines: stderr.trim().split("\n") };
}

test("the scripts of podrole migrate name a role that AWS refuses, go on with the others, and fail", async () => {
  const dir = newFolder();
  const pods = ["a", "b", "c"].map((name) => workload("Pod", { name }, `shop-${name}`));
  const known = roles("shop-a", "shop-b", "shop-c");
  await migrate(
    "kube2iam",
    [kube2iamTool(), ...pods],
    "--oidc-issuer",
    ISSUER,
    "--roles",
    known,
    "--dir",
    dir,
  );
  for (const name of ["set-trust.sh", "restore-trust.sh"]) {
    const refusing = 'echo "$4" >&2; [ "$4" != shop-b ]';
    expect(ran(join(dir, name), refusing)).toEqual({
      status: 1,
      lines: [
        "shop-a",
        "shop-b",
        `Failed: ${ACCOUNT}shop-b`,
        "shop-c",
        "1 of 3 commands failed or were left out.",
      ],
    });
    expect(ran(join(dir, name), 'echo "$4" >&2')).toEqual({
      status: 0,
      lines: ["shop-a", "shop-b", "shop-c"],
    });
  }
});
