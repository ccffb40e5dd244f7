import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parse } from "yaml";
import { IMAGE_ENV } from "../support/image-env.ts";
import { nameOf, podOf, reviewOf } from "./large-cluster.ts";
import { start, startCpuMs, type Program } from "./sidecar-children.ts";

/** The benchmarks that need it run in a mount namespace of their own, with an empty folder in this place. */
const RUN = "/run";

/** The injector looks twice a minute whether it can give memory back. */
export const IDLE_AFTER_MS = 35_000;
export const BACK_AFTER_MS = 65_000;

const BURST = 7;
/** The injector has to know it, with a service account of this name. */
export const BURST_NAMESPACE = nameOf(BURST);
export const BURST_ACCOUNT = "worker";

export interface ApiServer {
  readonly port: number;
  readonly ca: string;
  /** Of the injector's service account. */
  readonly token: string;
}

/** Files of a serving certificate, and what clients trust. */
export interface Serving {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** Mounts the service account as a kubelet does, so that the injector reads the cluster as it does in a pod. */
export function mountAccount({ ca, token }: ApiServer): void {
  // /var/run, where the kubelet mounts service accounts, links to this folder.
  if (readdirSync(RUN).length > 0)
    throw new Error("Run it with its npm script, which puts an empty /run in its place.");
  const account = join(RUN, "secrets/kubernetes.io/serviceaccount");
  mkdirSync(account, { recursive: true });
  const files = { "ca.crt": ca, token, namespace: "podrole-system" };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(account, name), text);
}

/**
 * The image's options, with what they are by the chart's memory limit. Outside of a container, V8's heap might take a share
 * of the machine's memory, and then it collects later.
 */
function optionsInPod(): string {
  const values = parse(readFileSync(new URL("../../deploy/chart/values.yaml", import.meta.url), "utf8"));
  const mib = Number.parseInt(values.resources.limits.memory, 10);
  return (IMAGE_ENV["NODE_OPTIONS"] ?? "").replace(
    /--max-old-space-size-percentage=(\d+)/,
    (_, percent: string) => `--max-old-space-size=${(mib * Number(percent)) / 100}`,
  );
}

/** Starts an injector's bundle with the image's variables. Resolves once it is ready. */
export async function startInjector(
  bundle: string,
  port: number,
  { cert, key, ca }: Serving,
  apiServer: ApiServer,
): Promise<Program> {
  const where = ["--host=127.0.0.1", `--port=${port}`, `--tls-cert=${cert}`, `--tls-key=${key}`];
  const program = start([bundle, ...where, "--log-level=error"], {
    ...IMAGE_ENV,
    NODE_OPTIONS: optionsInPod(),
    HOME: "/",
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: String(apiServer.port),
  });
  const probe = new Agent({ keepAlive: true, maxSockets: 1, ca });
  while ((await statusOf(port, "/readyz", probe).catch(() => 0)) !== 200) {
    if (program.hasExited()) throw new Error(`${bundle} has ended: ${program.output()}`);
    await delay(10);
  }
  probe.destroy();
  return program;
}

/**
 * Sends reviews of a pod of {@link BURST_NAMESPACE} over many connections, each as fast as it is answered.
 * @returns the injector's CPU time for one review, in milliseconds
 */
export async function burst(
  { pid }: Program,
  port: number,
  ca: string,
  { connections, reviews }: { readonly connections: number; readonly reviews: number },
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections, ca });
  const review = reviewOf(podOf(0), BURST);
  const before = await startCpuMs(pid);
  let left = reviews;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      for (; left > 0; left -= 1) {
        const status = await statusOf(port, "/mutate", agent, review);
        if (status !== 200) throw new Error(`a review was answered with ${status}`);
      }
    }),
  );
  agent.destroy();
  return ((await startCpuMs(pid)) - before) / reviews;
}

/** Memory that the process shares with no other. */
export function privateMib(pid: number): number {
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
