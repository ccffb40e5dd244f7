import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "../../../support/temp-files.ts";
import { ACCOUNT, ISSUER, kube2iamTool, migrate, newFolder, report, textFile, workload } from "./rig.ts";

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

test("podrole migrate gives the broker's role a policy of the run's own, and names what deletes it on the way back", async () => {
  const broker = ["--source", "broker", "--principal", `${ACCOUNT}broker`, "--broker-identity", "node"];
  const all = ["one", "two"].map((namespace) => workload("Pod", { name: "a", namespace }, `of-${namespace}`));
  const policies: string[] = [];
  for (const args of [["-n", "one"], ["-n", "two"], [], []]) {
    const dir = newFolder();
    const { steps } = await report("kube2iam", [kube2iamTool(), ...all], ...broker, ...args, "--dir", dir);
    const called = (script: string): string =>
      ran(join(dir, script), 'echo "$*" >&2').lines.join("\n").replaceAll(dir, "DIR");
    const [, name = ""] = / --policy-name (\S+) /.exec(called("set-trust.sh")) ?? [];
    expect(called("set-trust.sh")).toBe(
      `iam put-role-policy --role-name broker --policy-name ${name} --policy-document file://DIR/trust/111122223333/broker.broker-permissions.json`,
    );
    // Another run, or another cluster, may have set the very same.
    expect(called("restore-trust.sh")).toBe(
      `Left: a policy of ${ACCOUNT}broker. Unless another run or cluster needs it: aws iam delete-role-policy --role-name broker --policy-name ${name}`,
    );
    const step = steps.find(({ back }) => back.join("").includes("restore-trust.sh"));
    expect(step?.about.join(" ")).toContain(`${ACCOUNT}broker gets a policy beside those that it has`);
    expect(step?.about.join(" ")).toContain("delete that of an earlier run for the same namespaces");
    expect(step?.about.join(" ")).not.toContain("replaces");
    policies.push(name);
  }
  expect(policies[2]).toBe(policies[3]);
  expect(new Set(policies).size).toBe(3);
  for (const one of policies) expect(one).toMatch(/^assume-(?:of-one|of-two|roles-of-pods)-[0-9a-f]{16}$/);
});

test("restore-trust.sh of podrole migrate sets again what was there, and then fails only for that", async () => {
  const dir = newFolder();
  const broker = ["--source", "broker", "--principal", `${ACCOUNT}broker`, "--broker-identity", "node"];
  const pod = workload("Pod", { name: "a" }, "shop-a");
  await migrate("kube2iam", [kube2iamTool(), pod], ...broker, "--roles", roles("shop-a"), "--dir", dir);
  const script = join(dir, "restore-trust.sh");
  expect(ran(script, 'echo "$2 $4" >&2')).toEqual({
    status: 0,
    lines: [expect.stringMatching(/^Left: a policy of /), "update-assume-role-policy shop-a"],
  });
  expect(ran(script, "exit 1").status).toBe(1);
});
