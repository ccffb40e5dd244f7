import { describe, expect, test } from "vitest";
import { podrole } from "../../../support/cli.ts";
import { fakeApiServer } from "../../../support/fake-api-server.ts";
import { tempFile } from "../../../support/temp-files.ts";

const ASKING = [
  ["check"],
  ["explain", "pod/web"],
  ["trust-policy", "pod/web", "--oidc-issuer", "https://issuer.example"],
] as const;

/** A kubeconfig as `aws eks update-kubeconfig` writes it, of a user who has no AWS CLI. */
const kubeconfig = (server: string, user: object): string =>
  tempFile(
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      clusters: [{ name: "a", cluster: { server, "insecure-skip-tls-verify": true } }],
      users: [{ name: "a", user }],
    }),
  );

const PLUGIN = {
  exec: {
    apiVersion: "client.authentication.k8s.io/v1",
    command: "no-such-aws",
    args: ["eks", "get-token"],
    interactiveMode: "Never",
  },
};

describe.for(ASKING)("podrole %s", (args) => {
  const run = async (file: string, ...more: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await podrole([...args, "--kubeconfig", file, ...more]);
    expect([code, stdout]).toEqual([args[0] === "check" && stderr.startsWith("API_") ? 1 : 2, ""]);
    expect(stderr).toMatch(/^[^\n]+\n$/);
    return stderr;
  };

  test("says what fails of the kubeconfig's credentials, and does not say that the API server is away", async () => {
    const { requests, config } = await fakeApiServer();
    const url = config.getCurrentCluster()?.server ?? "";
    expect(await run(kubeconfig(url, PLUGIN))).toMatch(
      /^KUBECONFIG_UNUSABLE: The kubeconfig gives no access to the cluster: .*no-such-aws.*\. Correct it, /,
    );
    const files = { "client-certificate": "/nowhere/c.crt", "client-key": "/nowhere/c.key" };
    expect(await run(kubeconfig(url, files))).toMatch(/^KUBECONFIG_UNUSABLE: .+ENOENT/);
    expect(requests).toEqual([]);
  });

  test("says that the credentials are not accepted, without them", async () => {
    const server = await fakeApiServer();
    for (const verb of ["GET", "LIST", "POST"]) server.answer(`${verb} /`, 401);
    const url = server.config.getCurrentCluster()?.server ?? "";
    const said = await run(kubeconfig(url, { token: "s3cret" }));
    expect(said).toMatch(/^API_UNAUTHENTICATED: .+ \(HTTP 401\): they may have expired\. Log in /);
    expect(said).not.toContain("s3cret");
  });

  test("says that nobody answers", async () => {
    const server = await fakeApiServer();
    await server.stop();
    const url = server.config.getCurrentCluster()?.server ?? "";
    expect(await run(kubeconfig(url, {}))).toMatch(
      /^API_UNREACHABLE: The API server \S+ cannot be reached: .*ECONNREFUSED/,
    );
  });

  test("says which contexts there are, where the one that is asked for is not among them", async () => {
    const file = kubeconfig("http://127.0.0.1:9", {});
    expect(await run(file, "--context", "b")).toBe(
      'CONTEXT_UNKNOWN: The kubeconfig has no context "b". It has a.\n',
    );
  });
});
