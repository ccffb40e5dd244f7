import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ACCOUNT, ISSUER, kube2iamTool, newFolder, object, report, textFile, workload } from "./rig.ts";

const NODES = {
  Effect: "Allow",
  Principal: { AWS: `${ACCOUNT}nodes` },
  Action: "sts:AssumeRole",
};
const listed = (...names: readonly string[]): string =>
  textFile(
    JSON.stringify({
      Roles: names.map((name) => ({
        Arn: ACCOUNT + name,
        AssumeRolePolicyDocument: { Version: "2012-10-17", Statement: [NODES] },
      })),
    }),
  );
/** A pod of its own namespace, whose service account has that name, too. */
const pod = (name: string, role: string) => [
  object("ServiceAccount", { name, namespace: name }),
  workload("Pod", { name, namespace: name }, role, {
    serviceAccountName: name,
    securityContext: { runAsUser: 1000 },
  }),
];
const run = async (roles: readonly (readonly [string, string])[], ...args: readonly string[]) => {
  const dir = newFolder();
  const objects = [kube2iamTool(), ...roles.flatMap(([name, role]) => pod(name, role))];
  const { notes } = await report("kube2iam", objects, "--oidc-issuer", ISSUER, "--dir", dir, ...args);
  return {
    dir,
    files: readdirSync(dir, { recursive: true, encoding: "utf8" }).filter((one) => one.endsWith(".json")),
    notes: notes.filter(({ code }) => code === "ROLE_NAME_SHARED").map(({ message }) => message),
  };
};
interface Policy {
  readonly Statement: readonly { readonly Resource: string | readonly string[] }[];
}
const FILE = "trust/111122223333/reader.trust.json";

test.for(["zzz/reader", "a/reader", "READER"])(
  "podrole migrate writes the policy of the role that exists, and nothing for %s, which has its name",
  async (made) => {
    for (const order of [
      ["shop", "evil"],
      ["evil", "shop"],
    ]) {
      const roles = order.map(
        (name, index) => [`${index}${name}`, name === "shop" ? "reader" : made] as const,
      );
      const { dir, files, notes } = await run(roles, "--roles", listed("reader"));
      expect(files).toEqual([FILE.replace(".json", ".before.json"), FILE]);
      expect(readFileSync(join(dir, FILE), "utf8")).not.toContain("evil");
      const script = readFileSync(join(dir, "set-trust.sh"), "utf8");
      expect(script.match(/update-assume-role-policy/g)).toHaveLength(1);
      expect(notes).toHaveLength(1);
      for (const one of [`${ACCOUNT}reader`, ACCOUNT + made, "evil/"]) expect(notes[0]).toContain(one);
    }
  },
);

test("podrole migrate writes nothing for a role that is named alone by a path that it does not have", async () => {
  const { files, notes } = await run([["evil", "zzz/reader"]], "--roles", listed("reader"));
  expect(files).toEqual([]);
  expect(notes[0]).toContain(`${ACCOUNT}reader`);
});

test("podrole migrate writes nothing for two roles of one name where none or both of them are listed", async () => {
  const roles = [
    ["good", "reader"],
    ["evil", "zzz/reader"],
    ["other", "other"],
  ] as const;
  for (const known of [
    [],
    ["--roles", listed("other")],
    ["--roles", listed("reader", "zzz/reader", "other")],
  ]) {
    const { files, notes } = await run(roles, ...known);
    expect(files.filter((one) => one.includes("reader"))).toEqual([]);
    expect(files.join(" ")).toContain("other.trust");
    expect(notes).toHaveLength(1);
    for (const one of ["reader", "zzz/reader"]) expect(notes[0]).toContain(ACCOUNT + one);
    expect(notes[0]?.includes("Give --roles")).toBe(known.length === 0);
  }
});

test("podrole migrate tells roles of one name apart that are of several accounts", async () => {
  const other = "arn:aws:iam::444455556666:role/zzz/reader";
  const { files, notes } = await run([
    ["good", "reader"],
    ["other", other],
  ]);
  expect([files.length, notes]).toEqual([2, []]);
});

test.for([
  ["broker", ["--source", "broker", "--broker-identity", "node"], "broker-permissions"],
  ["node", ["--source", "node", "--guard", "block"], "caller-permissions"],
] as const)(
  "podrole migrate --source %s lets nobody assume a made-up role of a name that exists",
  async ([, args, document]) => {
    const roles = [
      ["shop", "reader"],
      ["evil", "zzz/reader"],
    ] as const;
    const principal = ["--principal", `${ACCOUNT}caller`];
    const allowed = async (...known: readonly string[]) => {
      const { dir, files } = await run(roles, ...args, ...principal, ...known);
      return files
        .filter((one) => one.includes(document))
        .map((one) => (JSON.parse(readFileSync(join(dir, one), "utf8")) as Policy).Statement)
        .flatMap((statements) => statements.flatMap(({ Resource }) => Resource));
    };
    expect(new Set(await allowed("--roles", listed("reader")))).toEqual(new Set([`${ACCOUNT}reader`]));
    expect(await allowed()).toEqual([]);
  },
);
