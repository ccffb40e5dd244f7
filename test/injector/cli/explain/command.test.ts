import { describe, expect, test } from "vitest";
import { podrole, type Run } from "../../../support/cli.ts";
import { tempFile } from "../../../support/temp-files.ts";
import { fakeApiServer } from "../../../support/fake-api-server.ts";
import { pod } from "../../../support/pods.ts";

const ROLE = "arn:aws:iam::111122223333:role/billing-reader";

const explain = (args: readonly string[], input = ""): Promise<Run> => podrole(["explain", ...args], input);

const manifest = (role: string, name = "p"): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, annotations: {iam.amazonaws.com/role: "${role}"}}\nspec: {containers: [{name: app}]}\n`;

describe("podrole explain", () => {
  test("prints text without colours where it is no terminal, and exits with 0 where no pod is denied", async () => {
    const { code, stdout, stderr } = await explain(["-f", "-", "-n", "shop"], manifest(ROLE));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^Pod shop\/p\n {2}injected: guard \(block\) and sidecar, as arn:/);
    expect(stdout).not.toContain("\u001b");
  });

  test("prints an array for several files, and exits with 1 where a pod would be denied", async () => {
    const files = [tempFile(manifest(ROLE, "a")), tempFile(manifest("no role", "b"))];
    const namespace = tempFile("apiVersion: v1\nkind: Namespace\nmetadata: {name: default}\n");
    const { code, stdout } = await explain(["-f", ...files, "-o", "json"]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject([
      { object: "Pod default/a", decision: "inject", findings: [] },
      { object: "Pod default/b", decision: "deny", findings: [{ code: "ROLE_MALFORMED", severity: "deny" }] },
    ]);
    const unlabelled = await explain(["-f", ...files, "-f", namespace, "-o", "json"]);
    expect(unlabelled.code).toBe(0);
    expect(JSON.parse(unlabelled.stdout)).toMatchObject([{ decision: "skip" }, { decision: "skip" }]);
  });

  test("takes what it assumes of other namespaces from flags, and reports the assumption", async () => {
    const { code, stdout } = await explain(
      ["-f", "-", "--namespace-label", "pod-security.kubernetes.io/enforce=baseline"],
      manifest(ROLE),
    );
    expect(code).toBe(0);
    expect(stdout).toContain("Namespace default is not in the manifests; it is assumed to have label");
    expect(stdout).toContain("yes, in mode verify");
  });

  test("explains what is in a cluster", async () => {
    const server = await fakeApiServer();
    server.put("/api/v1/namespaces", {
      metadata: { name: "shop", labels: { "podrole.dev/inject": "enabled" } },
    });
    server.answer("GET /api/v1/namespaces/shop/pods/web", pod());
    const kubeconfig = tempFile(server.config.exportConfig());
    const run = await explain(["pod/web", "-n", "shop", "--kubeconfig", kubeconfig]);
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout).toContain("Not injected: it holds neither guard nor sidecar");
  });
});

describe("podrole explain exits with 2, one sentence and no output", () => {
  test.for([
    ["nothing to explain on the command line", [], "", "USAGE"],
    ["both files and objects", ["pod/x", "-f", "-"], manifest(ROLE), "USAGE"],
    [
      "input without pods",
      ["-f", "-"],
      "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n",
      "NOTHING_TO_EXPLAIN",
    ],
    ["an empty input", ["-f", "-"], "", "NOTHING_TO_EXPLAIN"],
    ["text that is not YAML", ["-f", "-"], "a: [1\nb: }", "MANIFEST_UNPARSABLE"],
    [
      "a RoleGrant that cannot be read",
      ["-f", "-"],
      `${manifest(ROLE)}---\napiVersion: podrole.dev/v1alpha1\nkind: RoleGrant\nmetadata: {name: g}\nspec: {effect: Maybe}\n`,
      "GRANT_INVALID",
    ],
    ["no kubeconfig", ["pod/x"], "", "KUBECONFIG_MISSING"],
    ["an object without a kind", ["web"], "", "REFERENCE_INVALID"],
    ["a missing file", ["-f", "absent.yaml"], "", "FILE_UNREADABLE"],
  ] as const)("for %s", async ([, args, input, code]) => {
    const run = await explain(args, input);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toMatch(new RegExp(`^${code}: [^\n]+\n$`));
  });
});
