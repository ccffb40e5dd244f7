import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRecord, type Fields } from "../../injector/model/read.ts";
import { createMetrics } from "../../sidecar/wire/metrics.ts";
import { largeCluster } from "../support/role-cluster.ts";

/** Time and memory of `podrole roles` as a process, by the number of pods. The API server is a stand-in that has its answers ready. */

const CLI = new URL("../../dist/cli.mjs", import.meta.url).pathname;
const LISTS: Readonly<Record<string, string>> = {
  Namespace: "/api/v1/namespaces",
  ServiceAccount: "/api/v1/serviceaccounts",
  RoleGrant: "/apis/podrole.dev/v1alpha1/rolegrants",
  Pod: "/api/v1/pods",
};
/** What else a pod of 9 kB has. */
const MANAGED = { managedFields: [{ manager: "kubelet", fieldsV1: { "f:status": "x".repeat(4000) } }] };

const withMore = (one: Fields): Fields =>
  one["kind"] === "Pod" && isRecord(one["metadata"])
    ? { ...one, metadata: { ...one["metadata"], ...MANAGED } }
    : one;

function answers(pods: number): ReadonlyMap<string, string> {
  const made = new Map<string, string>();
  const objects = largeCluster(pods).map(withMore);
  for (const [kind, path] of Object.entries(LISTS)) {
    const items = objects.filter((one) => one["kind"] === kind);
    const size = kind === "Pod" ? 250 : 500;
    for (let from = 0; from === 0 || from < items.length; from += size) {
      const next = from + size < items.length ? { continue: String(from + size) } : {};
      const page = { metadata: { resourceVersion: "1", ...next }, items: items.slice(from, from + size) };
      made.set(`${path} ${from}`, JSON.stringify(page));
    }
  }
  const settings = objects.find((one) => one["kind"] === "ConfigMap");
  made.set("/api/v1/namespaces/podrole-system/configmaps/podrole-config 0", JSON.stringify(settings));
  return made;
}

const metrics = createMetrics();
metrics.countSts("Success");
const METRICS = metrics.text({
  expiresAt: { pod: Date.now() + 3e6 },
  guard: "block",
  imdsReachable: false,
  imdsUnproven: undefined,
});

async function measured(pods: number, ...args: readonly string[]): Promise<string> {
  const ready = answers(pods);
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://localhost");
    const text = url.pathname.endsWith("/proxy/metrics")
      ? METRICS
      : ready.get(`${url.pathname} ${url.searchParams.get("continue") ?? 0}`);
    response.writeHead(text === undefined ? 404 : 200).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const folder = mkdtempSync(join(tmpdir(), "podrole-roles-"));
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      clusters: [
        { name: "a", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } },
      ],
      users: [{ name: "a", user: {} }],
    }),
  );
  const program = `process.on("exit", () => process.stderr.write("PEAK " + process.resourceUsage().maxRSS + " " + process.cpuUsage().user + "\\n"));`;
  const preload = join(folder, "peak.mjs");
  writeFileSync(preload, program);
  const begun = performance.now();
  const child = spawn(
    process.execPath,
    ["--import", preload, CLI, "roles", "-A", "--kubeconfig", kubeconfig, ...args],
    {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await new Promise((resolve) => child.once("close", resolve));
  const seconds = (performance.now() - begun) / 1000;
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
  const [, peak, cpu] = /PEAK (\d+) (\d+)/.exec(said)?.map(Number) ?? [];
  return `${pods} pods, ${args.join(" ") || "with sessions"}: ${seconds.toFixed(1)} s, of these ${((cpu ?? 0) / 1e6).toFixed(1)} of CPU; ${Math.round((peak ?? 0) / 1024)} MiB at most`;
}

for (const pods of [3, 2000, 10_000]) {
  for (const args of [["--no-sessions"], [], ["--no-sessions", "--html", "roles.html"]]) {
    // oxlint-disable-next-line no-console
    console.log(await measured(pods, ...args));
  }
}
