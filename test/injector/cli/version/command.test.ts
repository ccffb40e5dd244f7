import { describe, expect, test } from "vitest";
import { VERSION } from "../../../../injector/model/version.ts";
import { podrole } from "../../../support/cli.ts";
import { fakeApiServer } from "../../../support/fake-api-server.ts";
import { tempFile } from "../../../support/temp-files.ts";

const OURS = `podrole     ${VERSION}\nNode        ${process.versions.node}\n`;
const DEPLOYMENT = "GET /apis/apps/v1/namespaces/podrole-system/deployments/podrole-injector";
const CONFIG_MAP = "GET /api/v1/namespaces/podrole-system/configmaps/podrole-config";

async function cluster(version = VERSION) {
  const server = await fakeApiServer();
  const image = `registry.example/podrole/injector:${version}`;
  server.answer("GET /version", { major: "1", minor: "36", gitVersion: "v1.36.1" });
  server.answer(DEPLOYMENT, { spec: { template: { spec: { containers: [{ name: "injector", image }] } } } });
  server.answer(CONFIG_MAP, { data: { version } });
  const file = tempFile(server.config.exportConfig());
  const url = server.config.getCurrentCluster()?.server ?? "";
  return {
    server,
    url,
    run: (...args: readonly string[]) => podrole(["version", "--kubeconfig", file, ...args]),
  };
}

describe("podrole version", () => {
  test("tells its own version, what is installed, what the settings are for, and Kubernetes' version", async () => {
    const { run, url } = await cluster();
    expect(await run()).toEqual({
      code: 0,
      stdout: `${OURS}cluster     ${url}
Kubernetes  v1.36.1
installed   ${VERSION}, in podrole-system (registry.example/podrole/injector:${VERSION})
settings    for ${VERSION}
`,
      stderr: "",
    });
  });

  test("says so when the installation is of another version", async () => {
    const { run } = await cluster("9.9.9");
    expect((await run()).stdout).toContain("The two are of different versions and may decide differently.\n");
  });

  test("prints JSON for programs", async () => {
    const { run, url } = await cluster();
    expect(JSON.parse((await run("-o", "json")).stdout)).toEqual({
      client: { version: VERSION, node: process.versions.node },
      cluster: {
        server: url,
        namespace: "podrole-system",
        kubernetes: "v1.36.1",
        image: `registry.example/podrole/injector:${VERSION}`,
        version: VERSION,
        settings: VERSION,
        unknown: [],
      },
    });
  });

  test("asks no cluster with --client", async () => {
    const { run, server } = await cluster();
    expect(await run("--client")).toEqual({ code: 0, stdout: OURS, stderr: "" });
    expect(server.requests).toEqual([]);
  });

  test("says that nothing is installed", async () => {
    const { run, server } = await cluster();
    for (const path of [DEPLOYMENT, CONFIG_MAP]) server.answer(path, undefined);
    expect((await run()).stdout).toContain("installed   nothing in podrole-system\n");
  });

  test("tells what its user may not read, and the rest", async () => {
    const { run, server } = await cluster();
    server.answer(CONFIG_MAP, 403);
    const { code, stdout } = await run();
    expect(code).toBe(0);
    expect(stdout).toContain("installed ");
    expect(stdout.replaceAll("\n", " ")).toContain("with HTTP 403: said with 403.");
  });

  test("ends with 0 where there is no cluster, or one that does not answer or does not know the user", async () => {
    const without = await podrole(["version"]);
    expect([without.code, without.stderr]).toEqual([0, ""]);
    expect(without.stdout).toMatch(/^podrole .+\nNode .+\ncluster {5}not asked: KUBECONFIG_MISSING: /);
    const { run, server } = await cluster();
    server.answer("GET /version", 401);
    expect((await run()).stdout).toContain("API_UNAUTHENTICATED: ");
    await server.stop();
    const { code, stdout } = await run("-o", "json");
    expect([code, JSON.parse(stdout)]).toMatchObject([
      0,
      { client: { version: VERSION }, problem: expect.stringMatching(/^API_UNREACHABLE: /) as string },
    ]);
  });

  test("ends with 2 for a context that does not exist", async () => {
    const { run } = await cluster();
    const { code, stderr } = await run("--context", "nowhere");
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^CONTEXT_UNKNOWN: /)]);
  });
});
