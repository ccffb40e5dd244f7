import { describe, expect, test } from "vitest";
import { podrole, type Run } from "../../../support/cli.ts";
import { fakeApiServer, type FakeApiServer, type FakeObject } from "../../../support/fake-api-server.ts";
import { tempFile } from "../../../support/temp-files.ts";

const CORE = "/api/v1/namespaces";
const GRANTS = "/apis/podrole.dev/v1alpha1/rolegrants";
const ROLE = "arn:aws:iam::111122223333:role/till";

const POD = `apiVersion: v1
kind: Pod
metadata: {name: till, annotations: {iam.amazonaws.com/role: "${ROLE}"}}
spec: {serviceAccountName: till, containers: [{name: app}]}
`;
const GRANT = `apiVersion: podrole.dev/v1alpha1
kind: RoleGrant
metadata: {name: tills}
spec: {roles: ["${ROLE}"], namespaces: [shop]}
`;
const ACCOUNT = `apiVersion: v1
kind: ServiceAccount
metadata: {name: till}
`;

interface Rig {
  readonly server: FakeApiServer;
  readonly explain: (input: string, ...args: readonly string[]) => Promise<Run>;
}

/** A cluster with policy enforce, a namespace `shop` and a service account `till` in it. */
async function rig(): Promise<Rig> {
  const server = await fakeApiServer();
  server.put(CORE, { metadata: { name: "shop", labels: { "podrole.dev/inject": "enabled" } } });
  server.put("/api/v1/serviceaccounts", { metadata: { name: "till", namespace: "shop" } });
  server.put("/api/v1/namespaces/podrole-system/configmaps", {
    metadata: { name: "podrole-config" },
    data: { policy: "enforce", region: "eu-west-1" },
  });
  const kubeconfig = tempFile(server.config.exportConfig());
  return {
    server,
    explain: (input, ...args) =>
      podrole(["explain", "-f", "-", "-n", "shop", "--kubeconfig", kubeconfig, ...args], input),
  };
}

const put = ({ server }: Rig, name: string, spec: object): void =>
  server.put(GRANTS, { metadata: { name }, spec });
const allTills = { roles: [ROLE], namespaces: ["shop"] };

describe("podrole explain -f with a cluster", () => {
  test("decides by the cluster's settings, namespace, service account and RoleGrants, and says so", async () => {
    const one = await rig();
    expect((await one.explain(POD)).stdout).toContain("denied: ROLE_NOT_ALLOWED");
    put(one, "tills", allTills);
    const { code, stdout } = await one.explain(POD);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Pod shop\/till\n {2}injected: guard \(block\) and sidecar, as arn:/);
    expect(stdout).toContain("The settings are those of ConfigMap podrole-system/podrole-config.");
    expect(stdout).toMatch(
      /The facts are the cluster's: namespace, service account, LimitRanges and\s+1 RoleGrant\./,
    );
    expect(stdout).not.toContain("Running");
  });

  test("puts the manifests' own objects before the cluster's, and names them", async () => {
    const one = await rig();
    put(one, "tills", { ...allTills, effect: "Deny" });
    const { code, stdout } = await one.explain(`${POD}---\n${GRANT}`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/0 RoleGrants;\s+of\s+the\s+manifests RoleGrant tills\./);
  });

  test("assumes a namespace that neither has to be labelled, and says so", async () => {
    const { explain } = await rig();
    const { stdout } = await explain(POD.replace("{name: till,", "{name: till, namespace: new,"));
    expect(stdout).toMatch(/Namespace new is neither in the manifests nor in the cluster; it is\s+assumed/);
  });

  test("names a service account that is in neither, and takes one of the manifests for the namespace of -n", async () => {
    const { explain } = await rig();
    const typo = POD.replace("serviceAccountName: till", "serviceAccountName: tilll");
    expect((await explain(typo)).stdout).toContain("SERVICE_ACCOUNT_MISSING");
    const both = `${typo}---\n${ACCOUNT.replace("till", "tilll")}`;
    expect((await explain(both)).stdout).not.toContain("SERVICE_ACCOUNT_MISSING");
  });

  test("asks no cluster with --offline, and says so", async () => {
    const { server } = await rig();
    const { code, stdout } = await podrole(["explain", "-f", "-", "--offline", "-n", "shop"], POD);
    expect(code).toBe(0);
    expect(stdout).toContain("No cluster was asked, since --offline is given:");
    expect(server.requests).toEqual([]);
    expect((await podrole(["explain", "-f", "-"], POD)).stdout).toContain("since there is no kubeconfig:");
  });

  test.for([
    [["pod/web", "--offline"], "USAGE: --offline needs manifests"],
    [["-f", "-", "--offline", "--context", "a"], "cannot be used with option '--context"],
  ] as const)("refuses %j", async ([args, words]) => {
    const run = await podrole(["explain", ...args], POD);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toContain(words);
  });
});

const hide = (server: FakeApiServer, verb: string, resource: string, request: string): void =>
  server.answer(request, {
    kind: "Status",
    code: 403,
    message: `${resource} is forbidden: User "ann" cannot ${verb} resource "${resource}" in API group "podrole.dev" at the cluster scope`,
  });

describe("podrole explain, where the user may not read RoleGrants", () => {
  test("asks the webhook by a dry run of the pod, and goes by the pod that comes back", async () => {
    const { server, explain } = await rig();
    hide(server, "list", "rolegrants", `LIST ${GRANTS}`);
    let tried: FakeObject | undefined;
    server.answer(`POST ${CORE}/shop/pods`, (pod: FakeObject) => (tried = pod));
    const { code, stdout } = await explain(POD);
    expect(code).toBe(0);
    expect(tried).toMatchObject({
      metadata: { generateName: "till-" },
      spec: { serviceAccountName: "till" },
    });
    expect(stdout).toContain("left alone: admission put neither guard nor sidecar into it");
    expect(stdout).toMatch(
      /The rules are hidden: the API server does not let ann list rolegrants\.podrole\.dev\. So the\s+webhook was asked, by a server-side dry run of the pod\./,
    );
    expect(server.stored(`${CORE}/shop/pods`)).toEqual([]);
  });

  test("names the role that the pod asks for, and that of its service account that is passed over", async () => {
    const { server, explain } = await rig();
    hide(server, "list", "rolegrants", `LIST ${GRANTS}`);
    server.answer(`POST ${CORE}/shop/pods`, (pod: FakeObject) => pod);
    const annotations = { "eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/other" };
    server.put("/api/v1/serviceaccounts", { metadata: { name: "till", namespace: "shop", annotations } });
    const { stdout } = await explain(POD);
    expect(stdout.replaceAll(/\s+/g, " ")).toContain("role/other -> passed over, an earlier one is set");
  });

  test("shows only what the webhook knew, and not what the manifests say of namespace and service account", async () => {
    const { server, explain } = await rig();
    hide(server, "list", "rolegrants", `LIST ${GRANTS}`);
    server.answer(`POST ${CORE}/shop/pods`, (pod: FakeObject) => pod);
    server.answer(`POST ${CORE}/new/pods`, 404);
    server.put(CORE, { metadata: { name: "shop" } });
    const account = ACCOUNT.replace("till", `till, annotations: {eks.amazonaws.com/role-arn: "${ROLE}"}`);
    const namespace = (name: string) =>
      `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}, labels: {podrole.dev/inject: enabled}}\n`;
    const pod = POD.replace(/, annotations: .+$/m, "}");
    const { stdout } = await explain(`${pod}---\n${account}---\n${namespace("shop")}`);
    const text = stdout.replaceAll(/\s+/g, " ");
    expect(text).toContain("left alone: its namespace is not labelled for podrole");
    expect(text).toContain("not by ServiceAccount till, Namespace shop of the manifests");
    expect(text).toContain("Is its namespace labelled? no");
    expect(text).not.toContain("Which role does it ask for?");

    const elsewhere = await explain(
      `${pod.replace("{name: till", "{name: till, namespace: new")}---\n${namespace("new")}`,
    );
    expect(elsewhere.stdout).toContain("refused by the API server");
    expect(elsewhere.stdout).not.toContain("Is its namespace labelled?");
  });

  test("says that RoleGrants of the manifests were not tried", async () => {
    const { server, explain } = await rig();
    hide(server, "list", "rolegrants", `LIST ${GRANTS}`);
    server.answer(`POST ${CORE}/shop/pods`, (pod: FakeObject) => pod);
    const { stdout } = await explain(`${POD}---\n${GRANT}`);
    expect(stdout).toMatch(/and not by RoleGrant tills of the\s+manifests\./);
  });

  test("names the Secret of an envFrom that it may not read, and how to see its keys", async () => {
    const one = await rig();
    put(one, "tills", allTills);
    one.server.answer(`GET ${CORE}/shop/secrets/keys`, 403);
    const pod = POD.replace("{name: app}", "{name: app, envFrom: [{secretRef: {name: keys}}]}");
    const { code, stdout } = await one.explain(pod);
    expect(code).toBe(0);
    expect(stdout).toContain("CREDENTIALS_MAY_BE_SHADOWED");
    expect(stdout).toContain("kubectl describe secret keys -n shop");
  });
});
