import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, writeFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { shellWord } from "../../../../injector/cli/print/shell-word.ts";
import { podrole, type Run } from "../../../support/cli.ts";

const ROLE = "arn:aws:iam::111122223333:role/team/billing-reader";
const OTHER = "arn:aws:iam::444455556666:role/ledger";
const ISSUER = ["--oidc-issuer", "https://oidc.example/cluster"];

const newFolder = (): string => mkdtempSync(join(tmpdir(), "podrole-trust-"));
const trust = (args: readonly string[], input = ""): Promise<Run> =>
  podrole(["trust-policy", ...args, ...ISSUER], input);

const pod = (role: string, account: string, more = ""): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${account}, namespace: shop, annotations: {iam.amazonaws.com/role: "${role}"}}\nspec: {serviceAccountName: ${account}, ${more}containers: [{name: app}]}\n`;

/** A folder of manifests, one in a folder of its own. */
function manifests(): string {
  const folder = newFolder();
  mkdirSync(join(folder, "team"));
  writeFileSync(join(folder, "b.yaml"), pod(ROLE, "b"));
  writeFileSync(join(folder, "team/a.yml"), `${pod(ROLE, "a")}---\n${pod(OTHER, "till")}`);
  writeFileSync(join(folder, "team/c.json"), JSON.stringify({ name: "no object of Kubernetes" }));
  writeFileSync(join(folder, "README.md"), "a: b: c");
  return folder;
}

const subjectsIn = (file: string): unknown =>
  (
    JSON.parse(readFileSync(file, "utf8")) as {
      Statement: { Condition: { StringEquals: Record<string, unknown> } }[];
    }
  ).Statement[0]?.Condition.StringEquals["oidc.example/cluster:sub"];

describe("podrole trust-policy --dir", () => {
  test("writes a policy for each role of a folder's pods, with all of its service accounts, in a stable order", async () => {
    const dir = join(newFolder(), "new policies");
    const { code, stdout, stderr } = await trust(["-f", manifests(), "--dir", dir]);
    expect(code).toBe(0);
    expect(
      readdirSync(dir, { recursive: true, encoding: "utf8" }).toSorted((a, b) => (a < b ? -1 : 1)),
    ).toEqual([
      "111122223333",
      "111122223333/billing-reader.trust.json",
      "444455556666",
      "444455556666/ledger.trust.json",
    ]);
    expect(subjectsIn(join(dir, "111122223333/billing-reader.trust.json"))).toEqual([
      "system:serviceaccount:shop:a",
      "system:serviceaccount:shop:b",
    ]);
    expect(stdout.match(/^ *aws iam .*$/gm)).toEqual([
      `  aws iam update-assume-role-policy --role-name billing-reader --policy-document 'file://${dir}/111122223333/billing-reader.trust.json' || miss 'Failed: ${ROLE}'`,
      `  aws iam update-assume-role-policy --role-name ledger --policy-document 'file://${dir}/444455556666/ledger.trust.json' || miss 'Failed: ${OTHER}'`,
    ]);
    expect(stderr).toContain("Wrote 2 policies.");
  });

  /** Runs what is printed, with an `aws` that only tells the role that it would change. */
  const ran = (stdout: string, sts: string, iam = 'echo "$4"') => {
    const bin = newFolder();
    const aws = `#!/bin/sh\nif [ "$1" = sts ]; then ${sts}; else ${iam}; fi\n`;
    writeFileSync(join(bin, "aws"), aws, { mode: 0o755 });
    const { status, ...said } = spawnSync("/bin/sh", ["-eu"], {
      input: stdout,
      encoding: "utf8",
      env: { PATH: bin },
    });
    return [status, said.stdout, said.stderr.trim().split("\n")];
  };
  const LEFT_OUT = `Left out: ${ROLE}. Run this with credentials of account 111122223333, too.`;

  test.for([
    ["of several accounts", "", "ledger\n", "1 of 2"],
    ["of one account", "b.yaml", "", "1 of 1"],
  ] as const)(
    "prints commands that change no role of another account than the caller's, name which they leave out, and fail (%s)",
    async ([, file, changed, count]) => {
      const { stdout } = await trust(["-f", join(manifests(), file), "--dir", newFolder()]);
      expect(ran(stdout, "echo 444455556666")).toEqual([
        1,
        changed,
        [LEFT_OUT, `${count} commands failed or were left out.`],
      ]);
    },
  );

  test("prints commands that name what AWS refuses, go on with the others, and fail", async () => {
    const folder = manifests();
    writeFileSync(join(folder, "z.yaml"), pod(`${ROLE}-2`, "z"));
    const { stdout } = await trust(["-f", folder, "--dir", newFolder()]);
    const refusing = '[ "$4" != billing-reader ] || { echo "An error occurred" >&2; exit 254; }; echo "$4"';
    const [code, done, said] = ran(stdout, "echo 111122223333", refusing);
    expect([code, done]).toEqual([1, "billing-reader-2\n"]);
    expect(said).toEqual([
      "An error occurred",
      `Failed: ${ROLE}`,
      expect.stringContaining(`Left out: ${OTHER}. `),
      "2 of 3 commands failed or were left out.",
    ]);
  });

  test("prints commands that set nothing and fail where nobody knows the account, and end well where all is set", async () => {
    const { stdout } = await trust(["-f", join(manifests(), "b.yaml"), "--dir", newFolder()]);
    const expired = "echo ExpiredToken >&2; exit 254";
    const count = "1 of 1 commands failed or were left out.";
    expect(ran(stdout, expired)).toEqual([1, "", ["ExpiredToken", LEFT_OUT, count]]);
    expect(ran(stdout, "echo 111122223333")).toEqual([0, "billing-reader\n", [""]]);
  });

  test("writes the same twice, and other contents only with --force", async () => {
    const [dir, folder] = [newFolder(), manifests()];
    const again = () => trust(["-f", folder, "--dir", dir]);
    const first = await again();
    expect(await again()).toEqual(first);
    writeFileSync(join(folder, "b.yaml"), pod(ROLE, "c"));
    expect(await again()).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/^FILE_EXISTS: .*billing-reader\.trust\.json .*--force/),
    });
    expect(await trust(["-f", folder, "--dir", dir, "--force"])).toMatchObject({ code: 0 });
    expect(subjectsIn(join(dir, "111122223333/billing-reader.trust.json"))).toContain(
      "system:serviceaccount:shop:c",
    );
  });

  test.for([
    ["another path", "arn:aws:iam::111122223333:role/evil/billing-reader"],
    ["other capitals", "arn:aws:iam::111122223333:role/team/Billing-Reader"],
  ])("writes nothing where two roles of an account differ only in %s", async ([, other]) => {
    const folder = manifests();
    writeFileSync(join(folder, "evil.yaml"), pod(other ?? "", "evil"));
    const dir = join(newFolder(), "new");
    const { code, stdout, stderr } = await trust(["-f", folder, "--dir", dir]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^ROLE_NAME_SHARED: [^\n]+\n/);
    for (const one of [ROLE, other, "--role"]) expect(stderr).toContain(one);
    expect(() => readdirSync(dir)).toThrow("ENOENT");
    expect(await trust(["-f", folder, "--dir", dir, "--role", ROLE])).toMatchObject({ code: 0 });
  });

  test("writes the policies of other pods where one would be denied, names that one, and exits with 1", async () => {
    const folder = manifests();
    writeFileSync(join(folder, "d.yaml"), pod(ROLE, "d", "hostPID: true, "));
    const dir = newFolder();
    const { code, stdout, stderr } = await trust(["-f", folder, "--dir", dir]);
    expect([code, stdout.match(/^ *aws iam /gm)?.length]).toEqual([1, 2]);
    expect(stderr).toMatch(/^POD_DENIED: Pod shop\/d would be denied.*\[HOST_NAMESPACE\]/m);
  });

  test("lists files, policies and commands as JSON", async () => {
    const dir = newFolder();
    const { stdout } = await trust(["-f", manifests(), "--dir", dir, "-o", "json"]);
    expect(JSON.parse(stdout)).toMatchObject([
      {
        of: ROLE,
        path: join(dir, "111122223333/billing-reader.trust.json"),
        policy: { Version: "2012-10-17" },
      },
      { of: OTHER, command: expect.stringContaining("file://") },
    ]);
  });

  test("says what cannot be written, and where a folder has no manifests", async () => {
    const file = join(newFolder(), "file");
    writeFileSync(file, "");
    expect(await trust(["-f", manifests(), "--dir", file])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^FILE_UNWRITABLE: .*\(ENOTDIR\)|\(EEXIST\)/),
    });
    expect(await trust(["-f", newFolder(), "--dir", file])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^FILE_UNREADABLE: .*no file named/),
    });
  });

  test.for(["a b", "it's", "$(x)", "a;b", "file:///x/role+1.json", "", "ü"])(
    "quotes a word for the shell: %j",
    (word) => {
      expect(execFileSync("/bin/sh", ["-c", `printf %s ${shellWord(word)}`], { encoding: "utf8" })).toBe(
        word,
      );
    },
  );
});
