import { expect, test } from "vitest";
import { podrole } from "../../../support/cli.ts";
import { fakeApiServer, type FakeApiServer, type FakeObject } from "../../../support/fake-api-server.ts";
import { tempFile } from "../../../support/temp-files.ts";
import {
  ACCOUNT,
  kube2iamTool,
  namespace,
  newFolder,
  NODES,
  object,
  roles,
  verdicts,
  workload,
  type Json,
  type ReportJson,
} from "./rig.ts";

const put = (server: FakeApiServer, path: string, ...items: readonly Json[]): void => {
  for (const { kind: _kind, apiVersion: _version, ...item } of items)
    server.put(path, item as unknown as FakeObject);
};

/** A cluster with kube2iam. */
async function cluster(
  deployments = 2,
): Promise<{ readonly server: FakeApiServer; readonly args: readonly string[] }> {
  const server = await fakeApiServer();
  put(
    server,
    "/api/v1/namespaces",
    namespace("shop", { "iam.amazonaws.com/allowed-roles": '["till"]' }),
    namespace("other"),
  );
  put(server, "/api/v1/serviceaccounts", object("ServiceAccount", { name: "web" }));
  put(server, "/apis/apps/v1/daemonsets", kube2iamTool("--namespace-restrictions"));
  const many = Array.from({ length: deployments }, (_, index) =>
    workload("Deployment", { name: `web-${index}` }, "till", { serviceAccountName: "web" }),
  );
  put(
    server,
    "/apis/apps/v1/deployments",
    ...many,
    workload("Deployment", { name: "w", namespace: "other" }, "till"),
  );
  server.answer("GET /.well-known/openid-configuration", { issuer: "https://oidc.example/cluster" });
  return {
    server,
    args: [
      "migrate",
      "kube2iam",
      "--live",
      "--kubeconfig",
      tempFile(server.config.exportConfig()),
      "-o",
      "json",
    ],
  };
}

const FORBIDDEN = (resource: string): object => ({
  kind: "Status",
  code: 403,
  message: `${resource} is forbidden: User "alice" cannot list resource "${resource}" in API group "batch" at the cluster scope`,
});

test("podrole migrate --live reads every kind page by page, and writes nothing", async () => {
  // A page has 500.
  const { server, args } = await cluster(501);
  const { code, stdout, stderr } = await podrole(args);
  const found = JSON.parse(stdout) as ReportJson;
  expect([code, stderr]).toEqual([1, ""]);
  expect(verdicts(found).filter((one) => one.endsWith("same till"))).toHaveLength(501);
  expect(verdicts(found)).toContain("Deployment other/w: refused ROLE_NOT_ALLOWED");
  expect(found.policies).toMatchObject([{ of: `${ACCOUNT}till`, state: "add" }]);
  expect(server.requests.filter((one) => one === "LIST /apis/apps/v1/deployments")).toHaveLength(2);
  expect(server.requests.filter((one) => !/^(?:LIST|GET) /.test(one))).toEqual([]);
});

test("podrole migrate --live says in one line what it may not read, and exits with 1", async () => {
  const { server, args } = await cluster();
  server.answer("LIST /apis/batch/v1/jobs", FORBIDDEN("jobs"));
  server.answer("LIST /apis/batch/v1/cronjobs", FORBIDDEN("cronjobs"));
  server.answer("GET /apis/batch/v1", { kind: "APIResourceList" });
  // What a user may do is asked before whether there is such a kind.
  server.answer("LIST /apis/argoproj.io/v1alpha1/rollouts", FORBIDDEN("rollouts"));
  const { code, stdout } = await podrole(args);
  const { notes } = JSON.parse(stdout) as ReportJson;
  expect(code).toBe(1);
  expect(notes.filter(({ code: one }) => one === "NOT_READ")).toEqual([
    {
      code: "NOT_READ",
      severity: "warn",
      message:
        "The API server does not let alice list jobs.batch, list cronjobs.batch. What these hold is missing here.",
    },
  ]);
});

test("podrole migrate --live -n reads one namespace, and looks for the tool in all", async () => {
  const { server, args } = await cluster();
  put(server, "/apis/apps/v1/namespaces/shop/deployments", workload("Deployment", { name: "web" }, "till"));
  const { stdout } = await podrole([...args, "-n", "shop"]);
  const found = JSON.parse(stdout) as ReportJson;
  expect(verdicts(found)).toEqual(["Deployment shop/web: same till"]);
  expect(found.settings).toMatchObject({ policy: "enforce" });
  expect(server.requests).toContain("GET /api/v1/namespaces/shop");
  expect(server.requests).not.toContain("LIST /api/v1/pods");
});

test("podrole migrate --live -n says of which namespaces it may not read the workloads", async () => {
  const { server, args } = await cluster();
  put(server, "/apis/apps/v1/namespaces/shop/deployments", workload("Deployment", { name: "web" }, "till"));
  server.answer("LIST /apis/apps/v1/deployments", FORBIDDEN("deployments"));
  server.answer("GET /apis/apps/v1", { kind: "APIResourceList" });
  const { stdout } = await podrole([...args, "-n", "shop"]);
  const found = JSON.parse(stdout) as ReportJson;
  expect(verdicts(found)).toHaveLength(1);
  expect(found.notes.map(({ message }) => message)).toContain(
    "The API server does not let alice list deployments.batch in all namespaces. What these hold is missing here.",
  );
});

test("podrole migrate --live goes by the settings of an installation that is there, but for mode audit", async () => {
  const { server, args } = await cluster();
  server.answer("GET /api/v1/namespaces/podrole-system/configmaps/podrole-config", {
    metadata: { name: "podrole-config" },
    data: { policy: "audit", hubRole: `${ACCOUNT}hub` },
  });
  const { stdout } = await podrole(args);
  expect(verdicts(JSON.parse(stdout) as ReportJson)).toContain(
    "Deployment other/w: refused ROLE_NOT_ALLOWED",
  );
  expect(stdout).toContain("ConfigMap podrole-system/podrole-config");
  const text = await podrole([...args.filter((one) => !["-o", "json"].includes(one)), "--dir", newFolder()]);
  expect(text.stdout).toContain("podrole is installed. These commands give it the settings");
});

test("podrole migrate --live judges IRSA's call by the cluster's issuer, also where the broker needs none", async () => {
  const { server, args } = await cluster(0);
  const annotations = { "eks.amazonaws.com/role-arn": `${ACCOUNT}web` };
  put(
    server,
    "/api/v1/serviceaccounts",
    object("ServiceAccount", { name: "irsa" }, { metadata: { annotations } }),
  );
  put(server, "/api/v1/pods", workload("Pod", { name: "x" }, undefined, { serviceAccountName: "irsa" }));
  const broker = ["--source", "broker", "--principal", `${ACCOUNT}broker`, "--broker-identity", "node"];
  const statement = (issuer: string): Json => ({
    Effect: "Allow",
    Principal: { Federated: `arn:aws:iam::111122223333:oidc-provider/${issuer}` },
    Action: "sts:AssumeRoleWithWebIdentity",
  });
  const run = async (issuer: string): Promise<readonly string[]> => {
    const { stdout } = await podrole([...args, ...broker, "--roles", roles(["web", [statement(issuer)]])]);
    return verdicts(JSON.parse(stdout) as ReportJson);
  };
  expect(await run("oidc.example/cluster")).toContain("Pod shop/x: same web");
  expect(await run("oidc.example/other")).toContain("Pod shop/x: refused ROLE_NOT_ALLOWED");
});

test("podrole migrate --live counts a role as not known to be had where IAM cannot have the cluster's issuer", async () => {
  const { server, args } = await cluster(0);
  server.answer("GET /.well-known/openid-configuration", { issuer: "https://10.0.0.1:6443" });
  const annotations = { "eks.amazonaws.com/role-arn": `${ACCOUNT}web` };
  put(
    server,
    "/api/v1/serviceaccounts",
    object("ServiceAccount", { name: "irsa" }, { metadata: { annotations } }),
  );
  put(
    server,
    "/api/v1/pods",
    workload("Pod", { name: "x" }, undefined, { serviceAccountName: "irsa" }),
    workload("Pod", { name: "y" }, "till"),
  );
  const known = ["--roles", roles(["web", [NODES]], ["till", [NODES]])];
  const broker = ["--source", "broker", "--principal", `${ACCOUNT}broker`, "--broker-identity", "node"];
  const { stdout } = await podrole([...args, ...broker, ...known]);
  const found = JSON.parse(stdout) as ReportJson;
  expect(found.policies.map(({ of }) => of)).toContain(`${ACCOUNT}till`);
  expect(found.notes).toContainEqual(
    expect.objectContaining({
      code: "TRUST_WITHHELD",
      message: expect.stringContaining(
        'is not known: the issuer "https://10.0.0.1:6443" has a port in it, which IAM does not take. No trust',
      ),
    }),
  );
  expect(await podrole([...args, ...broker, ...known, "--oidc-issuer", "https://x.example:1"])).toMatchObject(
    {
      code: 2,
      stderr: expect.stringMatching(/^ISSUER_INVALID: /),
    },
  );
});

test("podrole migrate --live ends with 2 where there is no cluster", async () => {
  expect(await podrole(["migrate", "kiam", "--live"])).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringMatching(/^KUBECONFIG_MISSING: /),
  });
});
