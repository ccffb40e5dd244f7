import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { podrole } from "../../../support/cli.ts";
import { tempFile, tempFolder } from "../../../support/temp-files.ts";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const ROLE = "arn:aws:iam::111122223333:role/billing-reader";
const METADATA = { name: "web", namespace: "shop", annotations: { "iam.amazonaws.com/role": ROLE } };
const SPEC = { containers: [{ name: "app", image: "busybox" }] };
/** As `kubectl get --raw` prints it. */
const PODS = { kind: "PodList", apiVersion: "v1", metadata: {}, items: [{ metadata: METADATA, spec: SPEC }] };
const DEPLOYMENTS = {
  kind: "DeploymentList",
  apiVersion: "apps/v1",
  items: [
    { metadata: { name: "web", namespace: "shop" }, spec: { template: { metadata: METADATA, spec: SPEC } } },
  ],
};

/** Each command that reads manifests, and what it says of the pod. */
const COMMANDS = [
  [["explain"], ROLE],
  [["roles"], "1 pod "],
  [["inject"], "podrole-guard"],
  [["migrate", "kube2iam", "--base-role-arn", "arn:aws:iam::111122223333:role/"], "shop: moves, 1 workload"],
  [["trust-policy", "--oidc-issuer", "https://oidc.example/cluster"], "system:serviceaccount:shop:default"],
] as const;

describe.for(COMMANDS)("podrole %s", ([command, said]) => {
  test.for([PODS, DEPLOYMENTS])("reads the items of a $kind, which name no kind", async (list) => {
    const { code, stdout, stderr } = await podrole([...command, "-f", "-"], JSON.stringify(list));
    expect(code).toBeLessThan(2);
    expect(stdout + stderr).toContain(said);
  });

  test.for([
    [
      "a JSON array",
      JSON.stringify([{ apiVersion: "v1", kind: "Pod", metadata: METADATA, spec: SPEC }]),
      "a list",
    ],
    ["a text", "just words\n", "a string"],
    ["a number", "---\n---\n7\n", "a number"],
    [
      "a list with an item that is none",
      JSON.stringify({ ...PODS, items: [...PODS.items, null] }),
      "nothing",
    ],
    ["an empty JSON array", "[]", "a list"],
    ["a list of which one item is no patch", `[{"op": "add", "path": "/a"}, {"kind": "Pod"}]`, "a list"],
    ["a list in a list", JSON.stringify({ kind: "List", items: [{ kind: "List", items: [[]] }] }), "a list"],
  ] as const)("refuses %s, and names the file", async ([, text, what]) => {
    const folder = tempFolder();
    writeFileSync(join(folder, "a.json"), JSON.stringify(PODS));
    writeFileSync(join(folder, "b.yaml"), text);
    const run = await podrole([...command, "-f", folder]);
    expect(run).toEqual({
      code: 2,
      stdout: "",
      stderr: `MANIFEST_UNPARSABLE: ${join(folder, "b.yaml")} has ${what} where an object of Kubernetes has to be. Give the objects one after the other, or as the items of a List.\n`,
    });
  });

  test.for([
    ["YAML", "p.yaml", `- op: replace\n  path: /spec/replicas\n  value: 3\n`],
    ["JSON", "p.json", JSON.stringify([{ op: "remove", path: "/spec/replicas" }])],
  ] as const)(
    "passes over a JSON patch of Kustomize in a folder (%s), and refuses one that is named",
    async ([, name, text]) => {
      const folder = tempFolder();
      writeFileSync(join(folder, "a.json"), JSON.stringify(PODS));
      const file = join(folder, name);
      writeFileSync(file, text);
      const { code, stdout, stderr } = await podrole([...command, "-f", folder]);
      expect(code).toBeLessThan(2);
      expect(stdout + stderr).toContain(said);
      expect(stdout).not.toContain("/spec/replicas");
      for (const [given, where] of [
        [file, file],
        ["-", "standard input"],
      ] as const) {
        const run = await podrole([...command, "-f", join(folder, "a.json"), "-f", given], text);
        expect(run).toEqual({
          code: 2,
          stdout: "",
          stderr: `MANIFEST_UNPARSABLE: ${where} has a list where an object of Kubernetes has to be. A patch is no object: render it first (kustomize build FOLDER | podrole ... -f -).\n`,
        });
      }
    },
  );

  test("passes over documents that are empty", async () => {
    const file = tempFile(`# nothing\n---\n---\n${JSON.stringify(PODS)}\n---\n`);
    const { code, stdout, stderr } = await podrole([...command, "-f", file]);
    expect(code).toBeLessThan(2);
    expect(stdout + stderr).toContain(said);
  });
});

test("podrole inject keeps a list of one kind what it is", async () => {
  const { stdout } = await podrole(["inject", "-f", "-"], JSON.stringify(PODS));
  expect(parse(stdout)).toMatchObject({ kind: "PodList", items: [{ apiVersion: "v1", kind: "Pod" }] });
  const none = JSON.stringify({ ...PODS, kind: "ConfigMapList" });
  expect((await podrole(["inject", "-f", "-"], none)).stdout).toBe(`${none}\n`);
});

test("a list with items of several kinds leaves each its own", async () => {
  const list = {
    ...PODS,
    items: [{ ...PODS.items[0], kind: "Pod", apiVersion: "v1" }, { kind: "Secret" }, {}],
  };
  const { stdout } = await podrole(["inject", "-f", "-"], JSON.stringify({ ...list, kind: "List" }));
  expect(parse(stdout)).toMatchObject({ items: [{ kind: "Pod" }, { kind: "Secret" }, {}] });
});
