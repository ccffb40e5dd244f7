import { describe, expect, test } from "vitest";
import { podrole, type Run } from "../../../support/cli.ts";
import { tempFile } from "../../../support/temp-files.ts";
import { fakeApiServer, type FakeApiServer } from "../../../support/fake-api-server.ts";

const check = (args: readonly string[]): Promise<Run> => podrole(["check", ...args]);

/** A replica of the broker's. */
const RUNNING = {
  spec: {
    containers: [
      {
        ports: [
          { name: "sessions", containerPort: 8443 },
          { name: "health", containerPort: 9080 },
        ],
      },
    ],
  },
  status: { phase: "Running" },
};

async function cluster(): Promise<{ readonly server: FakeApiServer; readonly kubeconfig: string }> {
  const server = await fakeApiServer();
  server.answer("GET /version", { major: "1", minor: "34" });
  return { server, kubeconfig: tempFile(server.config.exportConfig()) };
}

describe("podrole check", () => {
  test("says in one line that podrole is not installed, and what its labelled namespaces lack", async () => {
    const { server, kubeconfig } = await cluster();
    const first = await check(["--kubeconfig", kubeconfig]);
    expect([first.code, first.stdout]).toEqual([1, ""]);
    expect(first.stderr).toMatch(
      /^NOT_INSTALLED: podrole is not installed in namespace podrole-system of context \S+ \(http:\S+\): there is no Deployment podrole-injector and no ConfigMap podrole-config\. Install it as deploy\/README\.md says, .+\n$/,
    );
    const labels = { "podrole.dev/inject": "enabled" };
    server.put("/api/v1/namespaces", { metadata: { name: "shop", labels } });
    const { stderr } = await check(["--kubeconfig", kubeconfig]);
    expect(stderr).toContain("New pods of the labelled namespaces (shop) get neither guard nor role.");
  });

  test("probes no node of a cluster without podrole, and gives each check to a program", async () => {
    const { server, kubeconfig } = await cluster();
    const { code, stdout } = await check(["--kubeconfig", kubeconfig, "--probe", "-o", "json"]);
    const { healthy, checks } = JSON.parse(stdout);
    expect([code, healthy]).toEqual([1, false]);
    expect(checks).toContainEqual({
      code: "INJECTOR",
      status: "fail",
      message: "There is no Deployment podrole-system/podrole-injector.",
      remedy: expect.any(String) as string,
    });
    const crd = checks.find(({ code: one }: { code: string }) => one === "CRD");
    // Not an apply of the CRD alone, after which helm refuses to install the chart: see test/cluster/crd.test.ts.
    expect(crd.remedy).toContain("Install or upgrade podrole, which brings it: helm upgrade --install, or");
    expect(server.requests.filter((line) => /nodes|jobs/.test(line))).toEqual([]);
  });

  test("reports in full where a webhook is left of an installation that is gone", async () => {
    const { server, kubeconfig } = await cluster();
    server.put("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", {
      metadata: { name: "podrole" },
      webhooks: [{ name: "pods.podrole.dev", clientConfig: { service: { namespace: "podrole-system" } } }],
    });
    const { stdout } = await check(["--kubeconfig", kubeconfig]);
    expect(stdout).toMatch(/^API server\n {2}ok {4}API_SERVER\n/);
    expect(stdout).toContain("There is no Deployment podrole-system/podrole-injector.");
    expect(stdout).not.toContain("\u001b");
    const elsewhere = await check(["--kubeconfig", kubeconfig, "--podrole-namespace", "iam"]);
    expect(elsewhere.stderr).toMatch(
      /^NOT_INSTALLED: .+ namespace iam of context .+ its webhook leads to namespace podrole-system\. Add --podrole-namespace podrole-system\.\n$/,
    );
  });

  test("looks in the namespace of --podrole-namespace", async () => {
    const { server, kubeconfig } = await cluster();
    await check(["--kubeconfig", kubeconfig, "--podrole-namespace", "iam"]);
    expect(server.requests).toContain("GET /apis/apps/v1/namespaces/iam/deployments/podrole-injector");
    expect(server.requests.filter((line) => line.includes("podrole-system"))).toEqual([]);
  });

  test("asks for each thing once a look", async () => {
    const { server, kubeconfig } = await cluster();
    const labels = { "podrole.dev/inject": "enabled" };
    for (const name of ["shop", "till"]) server.put("/api/v1/namespaces", { metadata: { name, labels } });
    server.put("/apis/podrole.dev/v1alpha1/rolegrants", { metadata: { name: "g" }, spec: { roles: [] } });
    await check(["--kubeconfig", kubeconfig, "-n", "till"]);
    expect(server.requests).toContain("LIST /apis/podrole.dev/v1alpha1/rolegrants");
    expect(server.requests).toContain("GET /api/v1/namespaces/till/serviceaccounts/default");
    expect(server.requests).not.toContain("GET /api/v1/namespaces/till");
    const asked = server.requests.filter((line) => !line.startsWith("POST"));
    expect(asked).toEqual([...new Set(asked)]);
  });

  test.for([
    ["nobody answers", "stop", /^The API server http:\S+ cannot be reached: .*ECONNREFUSED/],
    [
      "the credentials have expired",
      401,
      /^The API server http:\S+ does not accept the kubeconfig's credentials \(HTTP 401\)/,
    ],
    [
      "the server is another one",
      404,
      /^http:\S+ does not answer as a Kubernetes API server: it knows no \/version\.$/,
    ],
  ] as const)("asks once and tells of it in one line where %s", async ([, how, message]) => {
    const { server, kubeconfig } = await cluster();
    if (how === "stop") await server.stop();
    else server.answer("GET /version", how);
    const { code, stdout } = await check(["--kubeconfig", kubeconfig, "-o", "json"]);
    expect(code).toBe(1);
    const result = { code: "API_SERVER", status: "fail", message: expect.stringMatching(message) as string };
    expect(JSON.parse(stdout)).toEqual({
      healthy: false,
      checks: [{ ...result, remedy: expect.stringMatching(/\.$/) as string }],
    });
    const text = await check(["--kubeconfig", kubeconfig]);
    expect([text.code, text.stdout]).toEqual([1, ""]);
    expect(text.stderr).toMatch(/^API_UN(?:REACHABLE|AUTHENTICATED): [^\n]+\n$/);
    expect(server.requests.filter((line) => line !== "GET /version")).toEqual([]);
  });

  test("tells a user who may read nothing of podrole in one line", async () => {
    const { server, kubeconfig } = await cluster();
    server.answer("GET /", 403);
    for (const verb of ["LIST", "POST"]) server.answer(`${verb} /`, 403);
    const { code, stdout, stderr } = await check(["--kubeconfig", kubeconfig]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(
      /^CHECK_NOT_ALLOWED: Nothing of podrole was checked\. The API server refuses GET \S+ with HTTP 403: .+ It refuses \d+ more such requests\. Ask an admin [^\n]+\n$/,
    );
    const { healthy, checks } = JSON.parse((await check(["--kubeconfig", kubeconfig, "-o", "json"])).stdout);
    expect(healthy).toBe(false);
    const other = checks.filter(({ refused }: { refused?: true }) => refused !== true);
    expect(other.map(({ code: one }: { code: string }) => one)).toEqual(["API_SERVER", "KUBERNETES_VERSION"]);
  });

  test("tells what a user with few rights may not read once, and judges the rest", async () => {
    const { server, kubeconfig } = await cluster();
    server.answer("GET /apis/apps/", 403);
    for (const api of ["admissionregistration", "podrole.dev"]) server.answer(`LIST /apis/${api}`, 403);
    const labels = { "podrole.dev/inject": "enabled" };
    server.put("/api/v1/namespaces", { metadata: { name: "shop", labels } });
    const { stdout } = await check(["--kubeconfig", kubeconfig]);
    const [told = "", skipped = ""] = stdout.split("\nNot checked\n");
    expect(told).not.toContain("HTTP 403");
    expect(skipped.replaceAll(/\s+/g, " ")).toMatch(
      /^ skip INJECTOR, INJECTOR_VERSION, .*CONTROLLER, WEBHOOK, .*POLICY_BINDING, DRY_RUN, DRY_RUN_DENIED The API server refuses GET .* To do: Use a kubeconfig/,
    );
    expect(stdout).not.toContain("no policy of podrole's to be bound");
    expect(stdout.match(/podrole-injector with/g)).toHaveLength(1);
  });

  test("prints nothing of a Secret but what its certificate says", async () => {
    const { server, kubeconfig } = await cluster();
    server.answer("GET /api/v1/namespaces/podrole-system/configmaps/podrole-config", { data: {} });
    server.answer("GET /api/v1/namespaces/podrole-system/secrets/podrole-injector-tls", {
      data: { "tls.crt": btoa("no certificate"), "tls.key": btoa("s3cret-key"), "ca.key": btoa("s3cret-ca") },
    });
    for (const output of ["text", "json"]) {
      const { stdout, stderr } = await check(["--kubeconfig", kubeconfig, "-o", output]);
      expect(stdout).toContain("tls.crt holds no certificate");
      expect(stdout + stderr).not.toMatch(/s3cret|czNjcmV0/);
    }
  });

  test("asks the broker's replicas and the API server about the broker, where the settings use it", async () => {
    const { server, kubeconfig } = await cluster();
    const place = "podrole-system";
    const brokerUrl = "https://podrole-broker.podrole-system.svc";
    server.answer(`GET /api/v1/namespaces/${place}/configmaps/podrole-config`, {
      data: { source: "broker", brokerUrl },
    });
    server.answer(`GET /apis/apps/v1/namespaces/${place}/deployments/podrole-broker`, { spec: {} });
    const pods = ["a", "b", "c"].map((name) => ({ metadata: { name, namespace: place }, ...RUNNING }));
    for (const pod of pods) server.put(`/api/v1/namespaces/${place}/pods`, pod);
    const proxy = (name: string): string => `GET /api/v1/namespaces/${place}/pods/${name}:9080/proxy/readyz`;
    const identity = "arn:aws:sts::111122223333:assumed-role/b/x";
    server.answer(proxy("a"), { status: "ok", identity, detail: { code: "C", message: "Not taken." } });
    server.answer(proxy("b"), 403);
    server.answer(proxy("c"), "reset");
    server.answer("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", { status: { allowed: false } });
    const { stdout } = await check(["--kubeconfig", kubeconfig, "-o", "json"]);
    const { checks } = JSON.parse(stdout) as { checks: { code: string; status: string; message: string }[] };
    const found = (code: string) => checks.find((one) => one.code === code);
    expect(found("BROKER_IDENTITY")?.message).toContain("--principal arn:aws:iam::111122223333:role/b,");
    expect(found("BROKER_ACCESS")?.message).toContain("may not create tokenreviews.authentication.k8s.io");
    expect(found("BROKER_SETTINGS")?.status).toBe("fail");
    expect(stdout).toContain("earlier settings: Not taken.");
    server.answer(proxy("a"), { status: "ok", identity: "arn:aws:iam::111122223333:user/b; rm" });
    server.answer("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", 403);
    const again = await check(["--kubeconfig", kubeconfig]);
    expect(again.stdout).not.toContain("; rm");
    expect(again.stdout.replaceAll(/\s+/g, " ")).toMatch(
      /skip BROKER_ACCESS The API server does not say .+SubjectAccessReview: said with 403/,
    );
  });

  test("waits, and gives up when the time is over", async () => {
    const { kubeconfig } = await cluster();
    const { code, stderr } = await check(["--kubeconfig", kubeconfig, "--wait", "--timeout", "3s"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^waiting: CRD: .+ \(and \d more\)\nNOT_INSTALLED: .+\n$/);
  });
});

describe("podrole check exits with 2, one sentence and no output", () => {
  test.for([
    ["no kubeconfig", [], "KUBECONFIG_MISSING: "],
    ["an invalid namespace name", ["--podrole-namespace", "../x"], "REFERENCE_INVALID: "],
    ["an invalid duration", ["--wait", "--timeout", "soon"], "error: option '--timeout"],
    ["an unknown output format", ["-o", "yaml"], "error: option '-o"],
  ] as const)("for %s", async ([, args, start]) => {
    const { code, stdout, stderr } = await check(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr.startsWith(start)).toBe(true);
  });
});
