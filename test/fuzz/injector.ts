import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { certificateAuthority, servingCertificate, validFor } from "../../injector/tls/certificates.ts";
import { freePort } from "../support/free-port.ts";
import { clusterServer, SETTINGS } from "./cluster.ts";

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly ms: number;
}

export interface FuzzedInjector {
  readonly post: (body: string) => Promise<Answer>;
  /** The most memory that the process has held so far, in MiB; NaN where the kernel does not tell. */
  readonly peakMib: () => number;
  /** How the process has ended, if it has. */
  readonly ended: () => string | undefined;
  readonly stop: () => Promise<void>;
}

const BUNDLE = fileURLToPath(new URL("../../dist/injector.mjs", import.meta.url));
const CONNECTIONS = 8;

/** The variables of Dockerfile.injector, which bound its memory. */
const IMAGE_ENV = Object.fromEntries(
  [
    ...readFileSync(new URL("../../Dockerfile.injector", import.meta.url), "utf8").matchAll(
      /^ENV (\w+)="?([^"\n]*)"?$/gm,
    ),
  ].map(([, name = "", value = ""]) => [name, value]),
);

/**
 * Starts the bundled injector on loopback, with a cluster of a few objects. Ends with this process.
 * @param settings beside those of the cluster
 */
export async function fuzzedInjector(settings: Readonly<Record<string, string>>): Promise<FuzzedInjector> {
  const api = clusterServer();
  await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
  const server = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  const now = Date.now();
  const ca = await certificateAuthority("fuzz", validFor(1, now));
  const { cert, key } = await servingCertificate(ca, ["127.0.0.1"], validFor(1, now));
  const folder = mkdtempSync(join(tmpdir(), "podrole-fuzz-"));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const context = { name: "fuzz", context: { cluster: "fuzz", user: "fuzz" } };
  const kubeconfig = {
    "current-context": "fuzz",
    contexts: [context],
    clusters: [{ name: "fuzz", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "fuzz", user: {} }],
  };
  const port = await freePort();
  const args = [
    BUNDLE,
    "--host=127.0.0.1",
    `--port=${port}`,
    `--kubeconfig=${file("kubeconfig", JSON.stringify(kubeconfig))}`,
    `--config=${file("config.yaml", JSON.stringify({ kind: "ConfigMap", data: { ...SETTINGS, ...settings } }))}`,
    `--tls-cert=${file("tls.crt", cert)}`,
    `--tls-key=${file("tls.key", key)}`,
    "--log-level=error",
  ];
  const child = spawn(process.execPath, args, {
    env: { ...IMAGE_ENV, PATH: process.env["PATH"] },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const kill = (): void => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", kill);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-2000)));
  let ended: string | undefined;
  const exited = once(child, "exit").then(
    ([code, signal]: unknown[]) => (ended = `the injector ended with ${String(code ?? signal)}: ${said}`),
  );
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, ca: ca.cert });
  const send = (path: string, body?: string): Promise<Answer> => {
    const options = { host: "127.0.0.1", port, path, agent, method: body === undefined ? "GET" : "POST" };
    const headers = {
      "content-type": "application/json",
      ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
    };
    const startedAt = performance.now();
    return new Promise((resolve, reject) => {
      request({ ...options, headers }, (response) => {
        let text = "";
        response
          .setEncoding("utf8")
          .on("data", (part: string) => (text += part))
          .once("error", reject)
          .once("end", () => {
            resolve({ status: response.statusCode ?? 0, text, ms: performance.now() - startedAt });
          });
      })
        .once("error", reject)
        .end(body);
    });
  };
  const isReady = (): Promise<boolean> =>
    send("/readyz").then(
      ({ status }) => status === 200,
      () => false,
    );
  for (let tries = 0; !(await isReady()); tries += 1) {
    if (ended !== undefined || tries > 600) throw new Error(ended ?? "the injector does not become ready");
    await delay(50);
  }
  return {
    post: (body) => send("/mutate", body),
    peakMib: () => peakMib(child.pid ?? 0),
    ended: () => ended,
    stop: async () => {
      process.off("exit", kill);
      agent.destroy();
      child.kill("SIGKILL");
      await exited;
      api.close().closeAllConnections();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** VmHWM of proc(5): the peak of the resident set. */
function peakMib(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  } catch {
    return Number.NaN;
  }
}
