/**
 * What the injector costs as a process: CPU of its start, and private memory when idle and after a burst of reviews. It runs
 * with the image's variables, in a namespace where a service account is mounted as in a pod.
 *
 *     npm run bench:injector-process [-- BUNDLE...]
 *
 * Given bundles of other trees (their dist/injector.mjs) are measured in turn with this one.
 */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, Agent } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { certificateAuthority, servingCertificate, validFor } from "../../injector/tls/certificates.ts";
import { IMAGE_ENV } from "../support/image-env.ts";
import { freePort } from "../support/free-port.ts";
import { podOf, reviewOf, smallCluster } from "./large-cluster.ts";
import { start, startCpuMs } from "./sidecar-children.ts";
import { createFigures, printTable } from "./sidecar-figures.ts";

const ROUNDS = 3;
const CONNECTIONS = 64;
const REVIEWS = 6000;
/** The injector checks twice a minute whether it can give memory back. */
const IDLE_AFTER_MS = 35_000;
const BACK_AFTER_MS = 65_000;

const RUN = "/run";
// /var/run, where the kubelet mounts service accounts, links to this folder.
if (readdirSync(RUN).length > 0)
  throw new Error("Run it with npm run bench:injector-process, which puts an empty /run in its place.");

const now = Date.now();
const ca = await certificateAuthority("bench", validFor(1, now));
const pair = await servingCertificate(ca, ["127.0.0.1"], validFor(1, now));
const folder = mkdtempSync(join(tmpdir(), "podrole-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const account = join(RUN, "secrets/kubernetes.io/serviceaccount");
mkdirSync(account, { recursive: true });
const files = { "ca.crt": ca.cert, token: "token", namespace: "podrole-system" };
for (const [name, text] of Object.entries(files)) writeFileSync(join(account, name), text);
const [cert, key] = [join(folder, "tls.crt"), join(folder, "tls.key")];
writeFileSync(cert, pair.cert);
writeFileSync(key, pair.key);

const api = createServer(pair, smallCluster());
await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
const apiPort = (api.address() as AddressInfo).port;

const ours = fileURLToPath(new URL("../../dist/injector.mjs", import.meta.url));
const bundles = [...process.argv.slice(2), ours];
const measured = createFigures();
for (let round = 0; round < ROUNDS; round += 1)
  for (const bundle of bundles) measured.add(bundle, await measure(bundle));

const LINES = [
  ["startCpuMs", "CPU of a start, ms"],
  ["idle", "private memory when idle, MiB"],
  ["burst", `  at the end of ${REVIEWS} reviews over ${CONNECTIONS} connections`],
  ["back", `  ${BACK_AFTER_MS / 1000} s later`],
  ["cpuMs", "CPU of a review in this burst, ms"],
  ["secondCpuMs", "  in another burst after that, ms"],
] as const;
printTable([
  ["", ...bundles],
  ...LINES.map(([name, label]) => [
    label,
    ...bundles.map((bundle) => measured.median(bundle, name).toFixed(2)),
  ]),
]);
process.exit(0);

async function measure(bundle: string): Promise<Record<string, number>> {
  const port = await freePort();
  const program = start(
    [
      bundle,
      "--host=127.0.0.1",
      `--port=${port}`,
      `--tls-cert=${cert}`,
      `--tls-key=${key}`,
      "--log-level=error",
    ],
    {
      ...IMAGE_ENV,
      HOME: "/",
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      KUBERNETES_SERVICE_PORT: String(apiPort),
    },
  );
  const probe = new Agent({ keepAlive: true, maxSockets: 1, ca: ca.cert });
  while ((await statusOf(port, "/readyz", probe).catch(() => 0)) !== 200) {
    if (program.hasExited()) throw new Error(`${bundle} has ended: ${program.output()}`);
    await delay(10);
  }
  const startCpu = await startCpuMs(program.pid);
  await delay(IDLE_AFTER_MS);
  const idle = privateMib(program.pid);
  const cpuMs = await burst(port, program.pid);
  const after = privateMib(program.pid);
  await delay(BACK_AFTER_MS);
  const back = privateMib(program.pid);
  const secondCpuMs = await burst(port, program.pid);
  await program.stop();
  return { startCpuMs: startCpu, idle, burst: after, back, cpuMs, secondCpuMs };
}

/** @returns the injector's CPU time for one review, in milliseconds */
async function burst(port: number, pid: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, ca: ca.cert });
  const review = reviewOf(podOf(0), 7);
  const before = await startCpuMs(pid);
  let left = REVIEWS;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      for (; left > 0; left -= 1) await statusOf(port, "/mutate", agent, review);
    }),
  );
  agent.destroy();
  return ((await startCpuMs(pid)) - before) / REVIEWS;
}

function privateMib(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kib = [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)].map(([, value]) =>
    Number(value),
  );
  return kib.reduce((sum, value) => sum + value, 0) / 1024;
}

function statusOf(port: number, path: string, agent: Agent, body?: string): Promise<number> {
  const options = { host: "127.0.0.1", port, path, agent, method: body === undefined ? "GET" : "POST" };
  return new Promise((resolve, reject) => {
    request({ ...options, headers: { "content-type": "application/json" } }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode ?? 0));
    })
      .once("error", reject)
      .end(body);
  });
}
