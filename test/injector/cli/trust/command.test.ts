import { describe, expect, test } from "vitest";
import { podrole, type Run } from "../../../support/cli.ts";
import { tempFile } from "../../../support/temp-files.ts";
import { fakeApiServer, type FakeApiServer } from "../../../support/fake-api-server.ts";
import { pod } from "../../../support/pods.ts";

const ROLE = "arn:aws:iam::111122223333:role/billing-reader";
const HUB = "arn:aws:iam::111122223333:role/hub";
const NODES = "arn:aws:iam::111122223333:role/nodes";
const ISSUER = "https://oidc.example/cluster";
const OURS = ["--role", ROLE, "-n", "shop", "--service-account", "billing"];
const CONFIG = "/api/v1/namespaces/podrole-system/configmaps/podrole-config";

const trust = (args: readonly string[], input = ""): Promise<Run> =>
  podrole(["trust-policy", ...args], input);

const manifest = (role: string, account: string, more = ""): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${account}, namespace: shop, annotations: {iam.amazonaws.com/role: "${role}"${more}}}\nspec: {serviceAccountName: ${account}, containers: [{name: app}]}\n`;

/** A cluster with a labelled namespace and a pod `web`, and the kubeconfig for it. */
async function cluster(): Promise<{ readonly server: FakeApiServer; readonly kubeconfig: string }> {
  const server = await fakeApiServer();
  server.put("/api/v1/namespaces", {
    metadata: { name: "shop", labels: { "podrole.dev/inject": "enabled" } },
  });
  server.answer("GET /api/v1/namespaces/shop/pods/web", pod({ serviceAccountName: "till" }));
  server.answer("GET /.well-known/openid-configuration", { issuer: ISSUER });
  return { server, kubeconfig: tempFile(server.config.exportConfig()) };
}

describe("podrole trust-policy", () => {
  test("prints one policy and nothing else to standard output, and the words about it to standard error", async () => {
    const { code, stdout, stderr } = await trust([...OURS, "--oidc-issuer", ISSUER]);
    expect(code).toBe(0);
    expect(Object.keys(JSON.parse(stdout))).toEqual(["Version", "Statement"]);
    expect(stderr).toContain(`trust policy of ${ROLE}`);
    expect(stderr).toContain(
      "aws iam update-assume-role-policy --role-name billing-reader --policy-document file://trust.json",
    );
    expect(stderr).not.toContain("\u001b");
  });

  test("prints policies, explanations and commands as JSON, and nothing to standard error", async () => {
    const { stdout, stderr } = await trust([...OURS, "--oidc-issuer", ISSUER, "-o", "json"]);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toMatchObject([
      {
        document: "trust",
        of: ROLE,
        policy: { Version: "2012-10-17" },
        explanation: expect.arrayContaining([{ at: "Statement[0].Action", text: expect.any(String) }]),
        warnings: [],
      },
    ]);
  });

  test("prints the policies of a chain by their names, or the one that is asked for alone", async () => {
    const chain = [...OURS, "--oidc-issuer", ISSUER, "--hub-role", HUB, "--external-id", "tenant-7"];
    const all = await trust(chain);
    expect(Object.keys(JSON.parse(all.stdout))).toEqual(["hub-trust", "hub-permissions", "trust"]);
    const one = await trust([...chain, "--document", "hub-trust"]);
    expect(JSON.parse(one.stdout)).toEqual(JSON.parse(all.stdout)["hub-trust"]);
  });

  test("completes a role's name by the account of the principal or provider", async () => {
    const named = ["--role", "team/reader", "-n", "shop", "--service-account", "a", "-o", "json"];
    const node = await trust([...named, "--source", "node", "--principal", NODES]);
    expect(JSON.parse(node.stdout)).toMatchObject([{ of: "arn:aws:iam::111122223333:role/team/reader" }]);
    const nowhere = await trust([...named, "--oidc-issuer", ISSUER]);
    expect(nowhere).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/^ROLE_INVALID: /) });
  });

  test("takes service accounts, role and session from manifests", async () => {
    const input = [manifest(ROLE, "a"), manifest(ROLE, "b")].join("---\n");
    const { stdout } = await trust(["-f", "-", "--oidc-issuer", ISSUER], input);
    expect(JSON.parse(stdout).Statement[0].Condition.StringEquals["oidc.example/cluster:sub"]).toEqual([
      "system:serviceaccount:shop:a",
      "system:serviceaccount:shop:b",
    ]);
    const tagged = manifest(ROLE, "a", `, podrole.dev/session-tags: '{"team":"x"}'`);
    const hub = await trust(["-f", "-", "--oidc-issuer", ISSUER, "--hub-role", HUB], tagged);
    expect(Object.keys(JSON.parse(hub.stdout))).toEqual(["hub-trust", "hub-permissions", "trust"]);
  });

  test("takes the tokens' audience from the service account, and one for all pods", async () => {
    const account = (name: string): string =>
      `apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: ${name}, namespace: shop, annotations: {eks.amazonaws.com/audience: amazonaws.com}}\n`;
    const input = [manifest(ROLE, "a"), account("a")];
    const { stdout } = await trust(["-f", "-", "--oidc-issuer", ISSUER], input.join("---\n"));
    expect(JSON.parse(stdout).Statement[0].Condition.StringEquals["oidc.example/cluster:aud"]).toBe(
      "amazonaws.com",
    );
  });

  test("gives each audience a statement of its own where pods of one role have several", async () => {
    const account =
      "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, namespace: shop, annotations: {eks.amazonaws.com/audience: amazonaws.com}}\n";
    const input = [manifest(ROLE, "b"), account, manifest(ROLE, "a")].join("---\n");
    const { code, stdout } = await trust(["-f", "-", "--oidc-issuer", ISSUER], input);
    const { Statement: statements } = JSON.parse(stdout) as {
      Statement: { Sid: string; Condition: { StringEquals: object } }[];
    };
    expect([code, statements.map(({ Sid }) => Sid)]).toEqual([
      0,
      ["PodsOfServiceAccount", "PodsOfServiceAccount2"],
    ]);
    expect(statements.map(({ Condition }) => Object.values(Condition.StringEquals))).toEqual([
      ["amazonaws.com", "system:serviceaccount:shop:a"],
      ["sts.amazonaws.com", "system:serviceaccount:shop:b"],
    ]);
  });

  test("counts the role of a container among the pod's", async () => {
    const other = `${ROLE}-2`;
    const input = manifest(ROLE, "a", `, podrole.dev/role.app: "${other}"`).replace(
      "containers: [",
      "containers: [{name: other}, ",
    );
    const several = await trust(["-f", "-", "--oidc-issuer", ISSUER], input);
    expect(Object.keys(JSON.parse(several.stdout))).toEqual([`trust ${ROLE}`, `trust ${other}`]);
    const chosen = await trust(["-f", "-", "--oidc-issuer", ISSUER, "--role", other], input);
    expect(chosen).toMatchObject({ code: 0 });
  });

  test("prints one policy for each role of the pods, or the one that is asked for", async () => {
    const other = `${ROLE}-2`;
    const input = [manifest(ROLE, "a"), manifest(other, "b")].join("---\n");
    const several = await trust(["-f", "-", "--oidc-issuer", ISSUER], input);
    expect(Object.keys(JSON.parse(several.stdout))).toEqual([`trust ${ROLE}`, `trust ${other}`]);
    const one = await trust(["-f", "-", "--oidc-issuer", ISSUER, "--role", other, "-o", "json"], input);
    expect(JSON.parse(one.stdout)).toMatchObject([{ of: other }]);
  });

  test("prints no policy for a pod that would be denied or gets no role, and exits with 1", async () => {
    const denied = await trust(
      ["-f", "-", "--oidc-issuer", ISSUER, "--policy", "enforce"],
      manifest(ROLE, "a"),
    );
    expect(denied).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("[ROLE_NOT_ALLOWED]"),
    });
    const plain = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: app}]}\n";
    expect(await trust(["-f", "-"], plain)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^NO_ROLE: /),
    });
  });
});

describe("podrole trust-policy --source broker", () => {
  const BROKER = ["--source", "broker", "--principal", "arn:aws:iam::111122223333:role/podrole-broker"];

  test("prints the role's policy and the broker's own, and needs to know neither its URL nor its CA", async () => {
    const { code, stdout, stderr } = await trust([...OURS, ...BROKER, "--oidc-issuer", ISSUER]);
    expect([code, Object.keys(JSON.parse(stdout))]).toEqual([
      0,
      ["broker-permissions", "trust", "broker-trust"],
    ]);
    expect(stderr).toContain(
      "trust policy of the broker's role arn:aws:iam::111122223333:role/podrole-broker",
    );
    const allowed = manifest(ROLE, "a");
    const namespace = `apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {podrole.dev/inject: enabled}, annotations: {iam.amazonaws.com/allowed-roles: '["${ROLE}"]'}}\n`;
    const pods = await trust(
      ["-f", "-", ...BROKER, "--document", "trust"],
      [allowed, namespace].join("---\n"),
    );
    expect(pods).toMatchObject({ code: 0, stdout: expect.stringContaining("SetSourceIdentity") });
  });

  test("prints the policies of all roles of the pods, each by its name, and asks for no --role", async () => {
    const other = `${ROLE}-2`;
    const namespace = `apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {podrole.dev/inject: enabled}, annotations: {iam.amazonaws.com/allowed-roles: '["*"]'}}\n`;
    const input = [manifest(ROLE, "a"), manifest(other, "b"), namespace].join("---\n");
    const base = ["--base-role-arn", "arn:aws:iam::111122223333:role/", "--broker-identity", "node"];
    const { stdout, stderr } = await trust(["-f", "-", ...BROKER, ...base], input);
    expect(Object.keys(JSON.parse(stdout))).toEqual([
      "broker-permissions",
      `trust ${ROLE}`,
      `trust ${other}`,
      "broker-trust",
    ]);
    expect(JSON.parse(stdout)["broker-permissions"].Statement[0].Resource).toEqual([ROLE, other]);
    expect(stderr.replaceAll(/\s+/g, " ")).toContain(
      "replaces the policy of that name: give all pods at once",
    );
    expect(stderr.replaceAll(/\s+/g, " ")).toContain(`(--document trust --role ${other} prints it alone)`);
    const one = await trust(["-f", "-", ...BROKER, ...base, "--document", "trust", "--role", other], input);
    expect(Object.keys(JSON.parse(one.stdout))).toEqual(["Version", "Statement"]);
  });

  test("takes the broker's namespace, audience and issuer, the last one from the cluster too", async () => {
    const { kubeconfig } = await cluster();
    const options = ["--podrole-namespace", "iam", "--broker-audience", "aws", "--document", "broker-trust"];
    const { stdout } = await trust([...OURS, ...BROKER, ...options, "--kubeconfig", kubeconfig]);
    expect(JSON.parse(stdout).Statement[0].Condition.StringEquals).toEqual({
      "oidc.example/cluster:aud": "aws",
      "oidc.example/cluster:sub": "system:serviceaccount:iam:podrole-broker",
    });
  });

  test("says that a user has no trust policy, whose keys the broker has", async () => {
    const user = ["--source", "broker", "--principal", "arn:aws:iam::111122223333:user/broker"];
    const { stdout, stderr } = await trust([...OURS, ...user]);
    expect(Object.keys(JSON.parse(stdout))).toEqual(["broker-permissions", "trust"]);
    expect(stderr.replaceAll(/\s+/g, " ")).toContain("in a Secret: a user has no trust policy.");
  });

  test("asks for no issuer where the broker's own trust policy is not wanted or is a node's", async () => {
    expect(await trust([...OURS, ...BROKER, "--document", "trust"])).toMatchObject({ code: 0 });
    expect(await trust([...OURS, ...BROKER, "--broker-identity", "node"])).toMatchObject({ code: 0 });
    const { stderr } = await trust([...OURS, ...BROKER]);
    expect(stderr).toMatch(/^PROVIDER_MISSING: .+--broker-identity.+--document trust\.\n$/);
  });
});

describe("podrole trust-policy of a cluster", () => {
  test("reads pod, injector's options and issuer, and says where each is from", async () => {
    const { server, kubeconfig } = await cluster();
    server.answer(`GET ${CONFIG}`, { data: { sessionDuration: "2h" } });
    const { code, stdout, stderr } = await trust(["pod/web", "-n", "shop", "--kubeconfig", kubeconfig]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).Statement).toMatchObject([
      {
        Principal: { Federated: "arn:aws:iam::111122223333:oidc-provider/oidc.example/cluster" },
        Condition: { StringEquals: { "oidc.example/cluster:sub": "system:serviceaccount:shop:till" } },
      },
    ]);
    expect(stderr).toContain("those of ConfigMap podrole-system/podrole-config");
    expect(stderr.replaceAll(/\s+/g, " ")).toContain("--max-session-duration 7200");
    expect(stderr.replaceAll(/\s+/g, " ")).toMatch(
      /\(as the API server http:\/\/127\.0\.0\.1:\d+ names it\)/,
    );
  });

  test("says which forms need no RoleGrants where these may not be read", async () => {
    const { server, kubeconfig } = await cluster();
    server.answer("LIST /apis/podrole.dev/v1alpha1/rolegrants", 403);
    const run = await trust(["pod/web", "-n", "shop", "--kubeconfig", kubeconfig]);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toMatch(/^API_REFUSED: .*rolegrants/);
    expect(run.stderr).toContain("--role ARN -n NAMESPACE --service-account NAME");
    expect(run.stderr).toContain("podrole-viewer");
  });

  test("asks the API server for the issuer alone where the service account is given", async () => {
    const { server, kubeconfig } = await cluster();
    const { code } = await trust([...OURS, "--kubeconfig", kubeconfig]);
    expect([code, server.requests]).toEqual([0, ["GET /.well-known/openid-configuration"]]);
  });

  test.for([
    [403, "HTTP 403"],
    [{ issuer: "https://issuer.example:6443" }, "port"],
    [{}, "names none"],
  ] as const)("says how to give the issuer where it cannot be read: %j", async ([answer, why]) => {
    const { server, kubeconfig } = await cluster();
    server.answer("GET /.well-known/openid-configuration", answer);
    const run = await trust([...OURS, "--kubeconfig", kubeconfig]);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toContain(why);
    expect(run.stderr).toContain("kubectl get --raw /.well-known/openid-configuration");
  });
});

describe("podrole trust-policy exits with 2, one sentence and no output", () => {
  test.for([
    ["nothing to print a policy for", [], "USAGE"],
    ["two forms at once", [...OURS, "-f", "-"], "USAGE"],
    ["a service account without a namespace", ["--role", ROLE, "--service-account", "a"], "USAGE"],
    ["an issuer that is no https URL", [...OURS, "--oidc-issuer", "http://a.example"], "ISSUER_INVALID"],
    ["no issuer and no kubeconfig", OURS, "PROVIDER_MISSING"],
    ["no principal", [...OURS, "--source", "node"], "PRINCIPAL_MISSING"],
    ["no principal of the broker", [...OURS, "--source", "broker"], "PRINCIPAL_MISSING"],
    ["the broker's identity without a broker", [...OURS, "--broker-identity", "node"], "USAGE"],
    [
      "an issuer of a broker that uses none",
      [
        ...OURS,
        "--source",
        "broker",
        "--principal",
        NODES,
        "--broker-identity",
        "node",
        "--oidc-issuer",
        ISSUER,
      ],
      "USAGE",
    ],
    [
      "a user that is to be a node's role",
      [
        ...OURS,
        "--source",
        "broker",
        "--principal",
        "arn:aws:iam::111122223333:user/b",
        "--broker-identity",
        "node",
      ],
      "USAGE",
    ],
    ["a principal of web identity", [...OURS, "--principal", NODES], "USAGE"],
    [
      "a policy that the role does not need",
      [...OURS, "--oidc-issuer", ISSUER, "--document", "hub-trust"],
      "USAGE",
    ],
    ["an external id without a hub", [...OURS, "--external-id", "x1"], "HUB_ROLE_MISSING"],
    ["external ids beside pods of their own", ["pod/x", "--external-id", "x1"], "USAGE"],
    [
      "a role of another partition",
      [...OURS, "--source", "node", "--principal", "arn:aws-cn:iam::111122223333:role/n"],
      "PARTITIONS_DIFFER",
    ],
  ] as const)("for %s", async ([, args, code]) => {
    const run = await trust(args);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toMatch(new RegExp(`^${code}: [^\n]+\n$`));
  });
});
