import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  ACCOUNT,
  ISSUER,
  kube2iamTool,
  namespace,
  newFolder,
  object,
  report,
  tool,
  workload,
  type ReportJson,
} from "./rig.ts";

const ISSUED = ["--oidc-issuer", ISSUER];
const RULES = { "iam.amazonaws.com/allowed-roles": '["shop-a"]' };
const OBJECTS = [
  kube2iamTool("--namespace-restrictions"),
  namespace("shop", RULES),
  workload("Deployment", { name: "a" }, "shop-a"),
];
const IRSA = [
  object(
    "ServiceAccount",
    { name: "web" },
    { metadata: { annotations: { "eks.amazonaws.com/role-arn": `${ACCOUNT}web` } } },
  ),
  workload("Deployment", { name: "web" }, undefined, { serviceAccountName: "web" }),
];

/** Every line that calls a program, of the steps and of the scripts. */
async function callsOf(from: string, objects: typeof OBJECTS, ...args: readonly string[]) {
  const dir = newFolder();
  const { steps } = await report(from, objects, ...ISSUED, "--dir", dir, ...args);
  const scripts = readdirSync(dir, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".sh"))
    .flatMap((path) => readFileSync(join(dir, path), "utf8").split("\n"));
  return [...steps.flatMap(({ commands, back }) => [...commands, ...back]), ...scripts]
    .filter((line) => /^(?:kubectl|helm|podrole) /.test(line))
    .map((line) => line.replaceAll(dir, "DIR"));
}

test.for([
  ["kube2iam", OBJECTS, 14],
  ["irsa", IRSA, 12],
] as const)(
  "every command and script of podrole migrate %s names the cluster that the command line names",
  async ([from, objects, count]) => {
    const given = ["--kubeconfig", "my config", "--context", "it's; rm -rf ~", "--podrole-namespace", "pr"];
    const file = "'--kubeconfig=my config'";
    const context = String.raw`context=it'\''s; rm -rf ~'`;
    const calls = await callsOf(from, objects, ...given);
    expect(calls).toHaveLength(count);
    const forms = {
      kubectl: (one: string) => one.startsWith(`kubectl ${file} '--${context} `),
      helm: (one: string) => one.startsWith(`helm ${file} '--kube-${context} `),
      podrole: (one: string) => one.endsWith(` ${file} '--${context} --podrole-namespace=pr`),
    };
    for (const [program, names] of Object.entries(forms)) {
      const those = calls.filter((one) => one.startsWith(program));
      expect(those).not.toEqual([]);
      expect(those.filter((one) => !names(one))).toEqual([]);
    }
    const plain = await callsOf(from, objects);
    expect(plain).toHaveLength(count);
    expect(plain.join("\n")).not.toMatch(/--(?:kubeconfig|(?:kube-)?context|podrole-namespace)/);
  },
);

const aboutRemoval = ({ steps }: ReportJson): string =>
  steps.find(({ title }) => title.startsWith("Remove "))?.about.join(" ") ?? "";

test("podrole migrate names whom roles have to go on trusting when the tool is removed", async () => {
  const removalOf = async (...args: readonly string[]): Promise<string> =>
    aboutRemoval(await report("kube2iam", OBJECTS, ...args, "--dir", newFolder()));
  const principal = ["--principal", `${ACCOUNT}nodes`];
  const remove = "remove from the roles' trust policies whom kube2iam needed there";
  expect(await removalOf(...ISSUED)).toContain(`${remove}. `);
  expect(await removalOf("--source", "broker", ...principal, "--broker-identity", "node")).toContain(
    `${remove}, but not ${ACCOUNT}nodes, which the broker is. `,
  );
  expect(await removalOf("--source", "broker")).toContain(
    `${remove}, but not the broker's own role or user. `,
  );
  const ambient = ["--source", "ambient", "--ambient-secret", "keys"];
  expect(await removalOf(...ambient, ...principal)).toContain(
    `${remove}, but not ${ACCOUNT}nodes, whose keys the pods have. `,
  );
  for (const args of [
    ["--source", "node", ...principal],
    ["--source-override", "node", ...ISSUED],
  ])
    expect(await removalOf(...args)).not.toContain("remove from");
});

test("podrole migrate kiam leaves the hub role in the trust policies, which podrole uses, too", async () => {
  const server = tool(
    "quay.io/uswitch/kiam:v4.2",
    "server",
    `--role-base-arn=${ACCOUNT}`,
    "--assume-role-arn=hub",
  );
  const objects = [
    server,
    namespace("shop", { "iam.amazonaws.com/permitted": ".*" }),
    workload("Pod", { name: "a" }, "shop-a"),
  ];
  const found = await report("kiam", objects, ...ISSUED, "--dir", newFolder());
  expect(aboutRemoval(found)).toContain(
    `whom kiam needed there, but not ${ACCOUNT}hub, which is the hub role. `,
  );
});
