import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chdir, cwd } from "node:process";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { podrole } from "../../../support/cli.ts";
import { tempFolder } from "../../../support/temp-files.ts";
import {
  ACCOUNT,
  codesOf,
  ISSUED,
  kube2iamTool,
  migrate,
  namespace,
  newFolder,
  NODES,
  object,
  report,
  roles,
  specsOf,
  textFile,
  tool,
  verdicts,
  workload,
  type Json,
} from "./rig.ts";

const RULE = `["it's", "shop-*"]`;
const OBJECTS = [
  kube2iamTool("--namespace-restrictions"),
  namespace("shop", { "iam.amazonaws.com/allowed-roles": RULE }),
  namespace(
    "safe",
    { "iam.amazonaws.com/allowed-roles": '["shop-b"]' },
    { "pod-security.kubernetes.io/enforce": "baseline" },
  ),
  object("ServiceAccount", { name: "web" }),
  workload("Deployment", { name: "web" }, "shop-a", { serviceAccountName: "web" }),
  workload("Deployment", { name: "b", namespace: "safe" }, "shop-b"),
  workload("Pod", { name: "lone" }, "shop-b"),
];
const allRoles = (): string => roles(["shop-a", [NODES]], ["shop-b", [NODES]]);
const filesBelow = (dir: string): readonly string[] =>
  readdirSync(dir, { recursive: true, encoding: "utf8", withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .toSorted();
const textOf = (...path: readonly string[]): string => readFileSync(join(...path), "utf8");

/** What a script calls with an account's credentials, with programs that only say how they were called, and what they read. */
function called(script: string): readonly string[] {
  const bin = tempFolder();
  for (const name of ["kubectl", "aws"]) {
    writeFileSync(
      join(bin, name),
      `#!/bin/sh\n[ "$1" != sts ] || { echo 111122223333; exit; }\nprintf '%s' ${name}\nfor one; do printf '|%s' "$one"; done\necho\n/bin/cat\n`,
    );
    chmodSync(join(bin, name), 0o755);
  }
  return execFileSync("/bin/sh", [script], { encoding: "utf8", env: { PATH: bin } })
    .trim()
    .split("\n");
}

describe("podrole migrate --dir", () => {
  test("writes values, grants, policies and a script for each namespace and its way back, and nothing else", async () => {
    const dir = newFolder();
    const found = await report("kube2iam", OBJECTS, ...ISSUED, "--roles", allRoles(), "--dir", dir);
    const files = filesBelow(dir);
    expect(found.files.map((path) => path.slice(dir.length + 1)).toSorted()).toEqual(files);
    expect(files).toEqual([
      "grants.yaml",
      "namespaces/safe/back.sh",
      "namespaces/safe/move.sh",
      "namespaces/shop/back.sh",
      "namespaces/shop/move.sh",
      "remove-rules.sh",
      "restore-rules.sh",
      "restore-trust.sh",
      "set-trust.sh",
      "trust/111122223333/shop-a.trust.before.json",
      "trust/111122223333/shop-a.trust.json",
      "trust/111122223333/shop-b.trust.before.json",
      "trust/111122223333/shop-b.trust.json",
      "values.yaml",
    ]);
    expect(parse(textOf(dir, "values.yaml"))).toEqual({
      options: { baseRoleArn: ACCOUNT, policy: "enforce" },
    });
    expect(parseAllDocuments(textOf(dir, "grants.yaml")).map((one) => one.toJS() as unknown)).toEqual(
      found.grants,
    );
    expect(called(join(dir, "namespaces/shop/move.sh"))).toEqual([
      "kubectl|label|namespace|shop|podrole.dev/inject=enabled|--overwrite",
      "kubectl|-n|shop|rollout|restart|deployment/web",
    ]);
    expect(called(join(dir, "restore-rules.sh")).slice(2)).toEqual([
      "kubectl|patch|namespace|shop|--type|merge|--patch-file|/dev/stdin",
      JSON.stringify({ metadata: { annotations: { "iam.amazonaws.com/allowed-roles": RULE } } }),
    ]);
  });

  test("restores a rule as it was, whatever is in it and however long it is", async () => {
    // Linux takes no argument of 128 KiB; a namespace's annotations may have twice that.
    const rule = `'$(exit 1)\`exit 1\`"\\\nEOF\n\r\t\u0000${"x".repeat(200_000)}`;
    const dir = newFolder();
    const objects = [
      kube2iamTool("--namespace-restrictions", "--default-role=plain"),
      namespace("shop", { "iam.amazonaws.com/allowed-roles": rule }),
      workload("Pod", { name: "x" }, undefined),
    ];
    await migrate("kube2iam", objects, "--dir", dir);
    const [, read = ""] = called(join(dir, "restore-rules.sh"));
    expect(JSON.parse(read)).toEqual({
      metadata: { annotations: { "iam.amazonaws.com/allowed-roles": rule } },
    });
  });

  test("adds to the trust policies that are there, and keeps those for the way back", async () => {
    const dir = newFolder();
    await migrate("kube2iam", OBJECTS, ...ISSUED, "--roles", allRoles(), "--dir", dir);
    const policy = join(dir, "trust/111122223333/shop-a.trust.json");
    expect(JSON.parse(textOf(policy))).toMatchObject({
      Version: "2012-10-17",
      Statement: [
        NODES,
        {
          Action: "sts:AssumeRoleWithWebIdentity",
          Principal: { Federated: expect.stringContaining("oidc.example/cluster") },
        },
      ],
    });
    expect(called(join(dir, "set-trust.sh"))[0]).toBe(
      `aws|iam|update-assume-role-policy|--role-name|shop-a|--policy-document|file://${policy}`,
    );
    expect(JSON.parse(textOf(policy.replace(".json", ".before.json")))).toEqual({
      Version: "2012-10-17",
      Statement: [NODES],
    });
    expect(called(join(dir, "restore-trust.sh"))[0]).toMatch(/\|file:.*shop-a\.trust\.before\.json$/);
  });

  test("leaves a trust policy alone that lets the pods in already, and names a role that nobody has", async () => {
    const sub = (account: string): Json => ({
      Effect: "Allow",
      Principal: { Federated: "arn:aws:iam::111122223333:oidc-provider/oidc.example/cluster" },
      Action: ["sts:AssumeRoleWithWebIdentity"],
      Condition: { StringLike: { "oidc.example/cluster:sub": account } },
    });
    const file = roles(["shop-a", [sub("system:serviceaccount:shop:*")]]);
    const found = await report("kube2iam", OBJECTS, ...ISSUED, "--roles", file);
    expect(found.policies.map(({ of, state }) => [of, state])).toEqual([
      [`${ACCOUNT}shop-a`, "there"],
      [`${ACCOUNT}shop-b`, "add"],
    ]);
    expect(codesOf(found)).toContain("ROLE_UNKNOWN");
    const denied = roles(
      ["shop-a", [sub("system:serviceaccount:shop:*"), { ...sub("*"), Effect: "Deny" }]],
      ["shop-b", [NODES]],
    );
    expect(codesOf(await report("kube2iam", OBJECTS, ...ISSUED, "--roles", denied))).toContain(
      "TRUST_REFUSES",
    );
  });

  test("reads roles of all kinds, and the other forms in which AWS prints them", async () => {
    const odd = { Arn: "arn:aws:iam::111122223333:role/odd", AssumeRolePolicyDocument: { Statement: 7 } };
    const encoded = (name: string) => ({
      Arn: ACCOUNT + name,
      AssumeRolePolicyDocument: encodeURIComponent(
        JSON.stringify({ Version: "2012-10-17", Statement: [NODES] }),
      ),
    });
    const files = [
      JSON.stringify({ RoleDetailList: [odd, { Arn: "no arn" }, encoded("shop-a")] }),
      JSON.stringify({ Role: encoded("shop-b") }),
    ].map(textFile);
    const found = await report("kube2iam", OBJECTS, ...ISSUED, "--roles", ...files);
    expect(found.policies.map(({ state, policy }) => [state, policy.Statement.length])).toEqual([
      ["set", 2],
      ["set", 2],
    ]);
    expect(await migrate("kube2iam", OBJECTS, "--roles", textFile("[]"))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^ROLES_INVALID: .*list-roles/),
    });
  });

  test("gives no command that sets a policy where nobody has said what is there", async () => {
    const dir = newFolder();
    const found = await report("kube2iam", OBJECTS, ...ISSUED, "--dir", dir);
    expect(codesOf(found)).toContain("TRUST_PARTIAL");
    expect(filesBelow(dir)).not.toContain("set-trust.sh");
    // No command for whole policies, of another run or from memory, finds them by its name.
    expect(filesBelow(dir).filter((path) => path.startsWith("trust/"))).toEqual([
      "trust/111122223333/shop-a.trust.add.json",
      "trust/111122223333/shop-b.trust.add.json",
    ]);
    expect(JSON.stringify(found.steps)).not.toContain("update-assume-role-policy");
  });

  test("writes the broker's policies with --source broker, and no audit", async () => {
    const dir = newFolder();
    const broker = [
      "--source",
      "broker",
      "--principal",
      "arn:aws:iam::111122223333:role/kiam-server",
      "--broker-identity",
      "node",
    ];
    const found = await report("kube2iam", OBJECTS, ...broker, "--roles", allRoles(), "--dir", dir);
    expect(verdicts(found)).toContain("Deployment shop/web: same shop-a");
    expect(parse(textOf(dir, "values.yaml"))).toEqual({
      options: { baseRoleArn: ACCOUNT, source: "broker" },
      broker: { enabled: true, identity: { type: "node" } },
    });
    expect(JSON.parse(textOf(dir, "trust/111122223333/shop-a.trust.json"))).toMatchObject({
      Statement: [NODES, { Principal: { AWS: "arn:aws:iam::111122223333:role/kiam-server" } }, {}],
    });
    expect(filesBelow(dir).join(" ")).toContain("kiam-server.broker-permissions.json");
    expect(JSON.stringify(found.steps)).not.toContain("audit");
  });

  test("orders the steps so that pods keep working, each with its way back", async () => {
    const { steps } = await report(
      "kube2iam",
      OBJECTS,
      ...ISSUED,
      "--roles",
      allRoles(),
      "--dir",
      newFolder(),
    );
    expect(steps.map(({ title }) => title)).toEqual([
      "Install podrole",
      "Allow the roles",
      "Let the roles trust the pods",
      "Move namespace shop",
      "Let podrole refuse",
      "Remove kube2iam",
      // Its guard can only verify, and finds kube2iam until that is gone.
      "Move namespace safe",
      "Let the RoleGrants alone decide",
    ]);
    expect(steps.filter(({ commands, back }) => commands.length > 0 && back.length !== 1)).toEqual([]);
    const { stdout } = await migrate("kube2iam", OBJECTS, ...ISSUED, "--dir", newFolder());
    expect(stdout).toMatch(/\n {2}4\. Move namespace shop\n {5}sh .*move\.sh\n/);
  });

  test("writes a folder's name so that no program takes it for an option", async () => {
    const was = cwd();
    chdir(tempFolder());
    try {
      const { steps } = await report("kube2iam", OBJECTS, "--dir=-x");
      const all = steps.flatMap(({ commands, back }) => [...commands, ...back]).join("\n");
      expect(all).toContain("sh ./-x/namespaces/shop/move.sh");
      expect(all).not.toMatch(/ -x/);
    } finally {
      chdir(was);
    }
  });

  test("writes the same twice, and nothing into a folder that is not empty", async () => {
    const dir = newFolder();
    const run = (folder: string, ...more: readonly string[]) =>
      migrate("kube2iam", OBJECTS, ...ISSUED, "--dir", folder, ...more);
    const texts = (folder: string) => filesBelow(folder).map((path) => [path, textOf(folder, path)]);
    await run(dir, "--roles", allRoles());
    const before = texts(dir);
    expect(before.join("\n")).toContain("set-trust.sh");
    // Without --roles it would put files with podrole's statements alone beside the script that sets whole policies.
    for (const more of [[], ["--roles", allRoles()]]) {
      expect(await run(dir, ...more)).toMatchObject({
        code: 2,
        stdout: "",
        stderr: expect.stringMatching(/^FILE_EXISTS: .* is not empty; nothing was written\. .*--dir/),
      });
      expect(texts(dir)).toEqual(before);
    }
    const other = newFolder();
    mkdirSync(other);
    await run(other, "--roles", allRoles());
    const named = (folder: string) => JSON.stringify(texts(folder)).replaceAll(folder, "DIR");
    expect(named(other)).toBe(named(dir));
    const file = join(other, "values.yaml");
    expect(await run(file)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^FILE_UNWRITABLE: .*values\.yaml .*ENOTDIR/),
    });
  });

  test.for(["..", "../../x", "a/b", "A", "a\nb", "$(x)", "a.b", "a".repeat(64)])(
    "writes nothing for an object whose namespace is %j",
    async (name) => {
      const dir = newFolder();
      const objects = [
        kube2iamTool(),
        {
          ...workload("Pod", { name: "a" }, "till"),
          metadata: { name: "a", namespace: name, annotations: { "iam.amazonaws.com/role": "till" } },
        },
      ];
      const { code, stderr } = await migrate("kube2iam", objects, "--dir", dir);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/^NAME_INVALID: /)]);
      expect(() => readdirSync(dir)).toThrow("ENOENT");
    },
  );
});

describe("podrole migrate and pods that podrole refuses", () => {
  test("says that they need another run once they are corrected, since no trust policy is for them", async () => {
    const refused = workload("Deployment", { name: "host" }, "shop-c", { hostNetwork: true });
    const found = await report("kube2iam", [...OBJECTS, refused], ...ISSUED, "--dir", newFolder());
    expect(found.policies.map(({ of }) => of)).not.toContain(`${ACCOUNT}shop-c`);
    const step = found.steps.find(({ title }) => title === "Move namespace shop");
    expect(step?.about).toEqual([
      "First correct what is refused in it (1), and run this command again with another --dir, since no trust policy is written for that. Or leave this namespace as it is.",
    ]);
  });

  test.for(["a..b", "a.-b"])(
    "refuses a service account's name that no cluster has: %j",
    async (serviceAccountName) => {
      const pod = workload("Pod", { name: "odd" }, "shop-a", { serviceAccountName });
      expect(await migrate("kube2iam", [...OBJECTS, pod], ...ISSUED)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/^NAME_INVALID: .* Correct the manifest\.\n$/),
      });
    },
  );
});

describe("podrole migrate and the RoleGrants that are there", () => {
  const grant = (name: string, spec: Json): Json => object("RoleGrant", { name }, { spec });

  test("does not allow again what another grant allows", async () => {
    const found = await report("kube2iam", [
      ...OBJECTS,
      grant("shop", { namespaces: ["shop"], roles: ["shop-*"] }),
      grant("deny", { namespaces: ["safe"], effect: "Deny", roles: ["*b"] }),
    ]);
    expect(specsOf(found)).toEqual([
      { namespaces: ["safe"], serviceAccounts: ["default"], roles: [`${ACCOUNT}shop-b`] },
    ]);
    expect(verdicts(found)).toContain("Deployment safe/b: refused ROLE_DENIED_BY_GRANT");
  });

  test("writes the same after its grants were applied, and keeps what somebody has added to them", async () => {
    const { grants } = await report("kube2iam", OBJECTS);
    const again = await report("kube2iam", [...OBJECTS, ...(grants as readonly Json[])]);
    expect(again.grants).toEqual(grants);
    const [first] = grants;
    const edited = grant(first?.metadata.name ?? "", {
      ...first?.spec,
      roles: ["arn:aws:iam::111122223333:role/more"],
      sessionNames: ["x"],
    });
    const merged = await report("kube2iam", [...OBJECTS, edited]);
    expect(merged.grants[0]?.spec).toMatchObject({
      roles: [`${ACCOUNT}more`, `${ACCOUNT}shop-b`],
      sessionNames: ["x"],
    });
  });

  test("takes another name where somebody has used one of its names for other pods, and a short one for long names", async () => {
    const taken = grant("migrated-shop.web", { namespaces: ["other"], roles: ["x"] });
    const name = "a".repeat(250);
    const found = await report("kube2iam", [
      ...OBJECTS,
      taken,
      object("ServiceAccount", { name }),
      workload("Pod", { name: "long" }, "shop-c", { serviceAccountName: name }),
    ]);
    const names = found.grants.map(({ metadata }) => metadata.name);
    expect(names).toContain("migrated-shop.web.2");
    for (const one of names) expect(one).toMatch(/^[a-z0-9][a-z0-9.-]{0,251}[a-z0-9]$/);
  });

  test("prints them alone with -o yaml, and what there is to say on standard error", async () => {
    const { stdout, stderr } = await migrate("kube2iam", OBJECTS, "-o", "yaml");
    expect(parseAllDocuments(stdout).map((one) => (one.toJS() as Json)["kind"])).toEqual([
      "RoleGrant",
      "RoleGrant",
      "RoleGrant",
    ]);
    expect(stderr).toContain("GUARD_VERIFIES: ");
    const odd = object(
      "DaemonSet",
      { name: "k\u001b[31m\u009b1m", namespace: "kube-system" },
      kube2iamTool(),
    );
    const other = {
      ...odd,
      metadata: { name: "k2\n\u202e", namespace: "kube-system" },
      spec: tool("kube2iam")["spec"],
    };
    const hostile = await migrate("kube2iam", [odd, other, ...OBJECTS], "-n", "shop", "-o", "yaml");
    expect(hostile.stderr).toContain("TOOL_DIFFERS: ");
    expect(hostile.stderr).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u);
  });
});

describe("podrole migrate refuses", () => {
  test.for([
    [[], "USAGE: Give either manifests with -f or --live."],
    [["-f", "FILE", "--live"], "USAGE: Give either"],
    [["-f", "FILE", "--dir", ""], "USAGE: --dir needs"],
    [["-f", "FILE", "-n", "../x"], "USAGE: "],
    [["-f", "FILE", "--associations", "FILE"], "USAGE: --associations are of EKS Pod Identity"],
    [["-f", "FILE", "--roles", "FILE"], "ROLES_INVALID: "],
    [["-f", "FILE", "-n", "empty"], "NOTHING_TO_MIGRATE: "],
    [["-f", "FILE", "--oidc-issuer", "http://x"], "ISSUER_INVALID: "],
    [["-f", "FILE", "--namespace-key", "not a key"], "CONFIG_INVALID: --namespace-key"],
  ] as const)("%j", async ([args, message]) => {
    const file = textFile(JSON.stringify({ apiVersion: "v1", kind: "List", items: OBJECTS }));
    const { code, stdout, stderr } = await podrole([
      "migrate",
      "kube2iam",
      ...args.map((one) => (one === "FILE" ? file : one)),
    ]);
    expect([code, stdout, stderr.slice(0, message.length)]).toEqual([2, "", message]);
  });

  test("reads a folder, and shows no control character of what is in it", async () => {
    const folder = newFolder();
    mkdirSync(folder, { recursive: true });
    const odd = workload("Deployment", { name: "web" }, "a\u001b[31m\nb", {}, {});
    writeFileSync(join(folder, "a.json"), JSON.stringify(kube2iamTool()));
    writeFileSync(join(folder, "b.json"), JSON.stringify(odd));
    const { stdout } = await podrole(["migrate", "kube2iam", "-f", folder]);
    expect(stdout).toContain("ROLE_MALFORMED");
    expect(stdout).not.toMatch(/[^\P{Cc}\n]/u);
  });
});
