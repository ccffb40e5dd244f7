import { expect, test } from "vitest";
import { podrole } from "../../../support/cli.ts";
import { fakeApiServer, type FakeObject } from "../../../support/fake-api-server.ts";
import { tempFile } from "../../../support/temp-files.ts";

const ROLE = "arn:aws:iam::111122223333:role/billing-reader";
const meta = (name: string, more: object = {}) => ({ name, namespace: "shop", ...more });
const annotated = { annotations: { "iam.amazonaws.com/role": ROLE } };
const spec = (serviceAccountName: string, more: object = {}) => ({
  serviceAccountName,
  containers: [{ name: "app" }],
  ...more,
});
const ownedBy = (apiVersion: string, kind: string) => ({
  ownerReferences: [{ apiVersion, kind, name: "x", uid: "u", controller: true }],
});

/** A cluster with a Deployment, its ReplicaSet and pod, and a pod that an unknown kind has made. */
async function cluster() {
  const server = await fakeApiServer();
  const list = (path: string, ...items: readonly FakeObject[]): void => {
    for (const item of items) server.put(`/${path}`, item);
  };
  list("api/v1/namespaces", { metadata: { name: "shop", labels: { "podrole.dev/inject": "enabled" } } });
  list("api/v1/serviceaccounts", { metadata: meta("till", annotated) }, { metadata: meta("web") });
  const template = (account: string) => ({ template: { metadata: annotated, spec: spec(account) } });
  list("apis/apps/v1/deployments", { metadata: meta("web"), spec: template("web") });
  list("apis/apps/v1/replicasets", {
    metadata: meta("web-1", ownedBy("apps/v1", "Deployment")),
    spec: template("old"),
  });
  list(
    "api/v1/pods",
    { metadata: meta("web-1-1", { ...annotated, ...ownedBy("apps/v1", "ReplicaSet") }), spec: spec("old") },
    {
      metadata: meta("kn-1", { ...annotated, ...ownedBy("serving.example/v1", "Revision") }),
      spec: spec("knative"),
    },
    { metadata: meta("alone", annotated), spec: spec("alone") },
    { metadata: meta("denied", annotated), spec: spec("denied", { hostPID: true }) },
    { metadata: meta("none"), spec: spec("none") },
  );
  server.answer("GET /.well-known/openid-configuration", { issuer: "https://oidc.example/cluster" });
  return { server, args: ["trust-policy", "-A", "--kubeconfig", tempFile(server.config.exportConfig())] };
}

test("podrole trust-policy -A covers every workload and every pod that none of them makes, by one list of each kind", async () => {
  const { server, args } = await cluster();
  const { code, stdout, stderr } = await podrole(args);
  expect(code).toBe(1);
  expect(JSON.parse(stdout).Statement[0].Condition.StringEquals["oidc.example/cluster:sub"]).toEqual(
    ["alone", "knative", "web"].map((name) => `system:serviceaccount:shop:${name}`),
  );
  expect(stderr).toContain("POD_DENIED: Pod shop/denied would be denied");
  expect(server.requests.filter((one) => one.includes("/namespaces/shop"))).toEqual([]);
});

test("podrole trust-policy -A ends with 2 where a list may not be read, and with -n", async () => {
  const { server, args } = await cluster();
  expect(await podrole([...args, "-n", "shop"])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^USAGE: /),
  });
  server.answer("LIST /apis/batch/v1/jobs", 403);
  expect(await podrole(args)).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringMatching(/^API_REFUSED: .*jobs/),
  });
});

test("podrole trust-policy -A takes pods of source web-identity and of source broker at once, as during a migration", async () => {
  const { server, args } = await cluster();
  server.answer("GET /api/v1/namespaces/podrole-system/configmaps/podrole-config", {
    data: { sourceOverride: "broker", brokerUrl: "https://podrole-broker.podrole-system.svc" },
  });
  const annotations = { "podrole.dev/source": "broker", "iam.amazonaws.com/allowed-roles": '["*"]' };
  server.put("/api/v1/namespaces", {
    metadata: { name: "moved", labels: { "podrole.dev/inject": "enabled" }, annotations },
  });
  server.put("/api/v1/pods", {
    metadata: { ...meta("web", annotated), namespace: "moved" },
    spec: spec("web"),
  });
  const principal = "arn:aws:iam::111122223333:role/podrole-broker";
  const { stdout } = await podrole([...args, "--principal", principal, "--document", "trust"]);
  const { Statement: statements } = JSON.parse(stdout) as { Statement: { Principal: object }[] };
  expect(new Set(statements.flatMap((one) => Object.keys(one.Principal)))).toEqual(
    new Set(["AWS", "Federated"]),
  );
});
