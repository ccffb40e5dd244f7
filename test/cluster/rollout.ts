import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import manifest from "../../package.json" with { type: "json" };
import { VERSION } from "../../injector/model/version.ts";
import { startChild, type Child } from "../support/child.ts";
import { freePort } from "../support/free-port.ts";
import { CHART } from "../support/helm.ts";
import type { TcpService } from "../support/tcp-service.ts";
import { until } from "../support/until.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";
import { NAMESPACES } from "./setting.ts";

/** A stand-in for the Deployment controller and the kubelet. It runs the real programs as the Deployments specify. */

export const NAMESPACE = "podrole-system";
const DEPLOYMENTS = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`;
const REPLICAS = 2;
/** EndpointSlices and kube-proxy may be this late. */
const ENDPOINT_MS = 1500;

/** A version of podrole: its chart and its programs. */
export interface Release {
  readonly chart: string;
  readonly injector: string;
  readonly controller: string;
}

const MANIFEST = fileURLToPath(new URL("../../package.json", import.meta.url));
const source = (path: string): string => fileURLToPath(new URL(`../../injector/${path}`, import.meta.url));

/** The chart with another version, and with the webhook called by address: there is no service network. */
function chartOf(folder: string, version: string, port: number): string {
  const chart = join(folder, `chart-${version}`);
  cpSync(CHART, chart, { recursive: true });
  const webhook = join(chart, "templates/webhook.yaml");
  const byAddress = `clientConfig" -}}\nurl: https://127.0.0.1:${port}/mutate\n`;
  const text = readFileSync(webhook, "utf8");
  writeFileSync(webhook, text.replace(/clientConfig" -}}\nservice:\n(?: {2}.*\n)+/, byAddress));
  const about = join(chart, "Chart.yaml");
  writeFileSync(about, readFileSync(about, "utf8").replace(/^appVersion: .*$/m, `appVersion: ${version}`));
  return chart;
}

/** This version, and the same programs under another version. @param port where the API server calls the webhook */
export async function releases(folder: string, port: number): Promise<readonly [Release, Release]> {
  const version = "99.0.0-test";
  const outdir = join(folder, "next");
  await build({
    entryPoints: { injector: source("main.ts"), controller: source("controller/main.ts") },
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node24",
    logLevel: "warning",
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    plugins: [
      {
        name: "version",
        setup: (building) =>
          building.onLoad({ filter: /\/package\.json$/ }, ({ path }) =>
            path === MANIFEST ? { contents: JSON.stringify({ ...manifest, version }), loader: "json" } : null,
          ),
      },
    ],
  });
  return [
    {
      chart: chartOf(folder, VERSION, port),
      injector: source("main.ts"),
      controller: source("controller/main.ts"),
    },
    {
      chart: chartOf(folder, version, port),
      injector: join(outdir, "injector.mjs"),
      controller: join(outdir, "controller.mjs"),
    },
  ];
}

interface Replica extends Child {
  readonly port: number;
}

export interface Cluster {
  /** Replaces every process by one of the release, as a roll-out does, and reports it in the Deployment's status. */
  rollOut(release: Release): Promise<void>;
  /** The output of every process, for the message of a failed test. */
  output(): string;
  close(): Promise<void>;
}

export function cluster(plane: ControlPlane, folder: string, service: TcpService): Cluster {
  const all: Child[] = [];
  let replicas: readonly Replica[] = [];
  let controller: Child | undefined;

  const start = async (name: string, program: string): Promise<Replica> => {
    const kubeconfig = join(folder, `${name}.kubeconfig`);
    const account = await plane.serviceAccount(NAMESPACE, name);
    await writeFile(kubeconfig, account.exportConfig(), { mode: 0o600 });
    const { spec } = await plane.admin.get(`${DEPLOYMENTS}/${name}`);
    const { args }: { args: readonly string[] } = spec.template.spec.containers[0];
    const port = await freePort();
    const where = ["--host=127.0.0.1", `--port=${port}`, `--kubeconfig=${kubeconfig}`];
    const child = startChild(process.execPath, [program, ...args, ...where], { PATH: process.env["PATH"] });
    all.push(child);
    return { ...child, port };
  };
  const end = async (child: Child): Promise<void> => {
    child.kill("SIGTERM");
    await child.exited;
  };
  const isReady = async ({ port }: Replica): Promise<true | undefined> => {
    const { request } = await import("node:https");
    const { promise, resolve } = Promise.withResolvers<true | undefined>();
    const sent = request({
      host: "127.0.0.1",
      port,
      path: "/readyz",
      agent: false,
      rejectUnauthorized: false,
    });
    sent.once("response", (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200 ? true : undefined);
    });
    sent.once("error", () => resolve(undefined));
    sent.end();
    return promise;
  };
  const report = async (updated: number, total: number): Promise<void> => {
    const { metadata } = await plane.admin.get(`${DEPLOYMENTS}/podrole-injector`);
    await plane.admin.patch(`${DEPLOYMENTS}/podrole-injector/status`, {
      status: {
        observedGeneration: metadata.generation,
        replicas: total,
        updatedReplicas: updated,
        readyReplicas: total,
        availableReplicas: total,
      },
    });
  };

  return {
    rollOut: async (release) => {
      // Recreate: the old process ends before the new one starts.
      if (controller !== undefined) await end(controller);
      controller = await start("podrole-controller", release.controller);
      let old = replicas;
      replicas = [];
      for (let updated = 1; updated <= REPLICAS; updated += 1) {
        const one = await start("podrole-injector", release.injector);
        await until("a replica to be ready", () => isReady(one), 60_000);
        replicas = [...replicas, one];
        service.endpoints = [...service.endpoints, one.port];
        await report(updated, replicas.length + old.length);
        const [first, ...rest] = old;
        if (first === undefined) continue;
        old = rest;
        first.kill("SIGTERM");
        await delay(ENDPOINT_MS);
        service.endpoints = service.endpoints.filter((port) => port !== first.port);
        await first.exited;
        await report(updated, replicas.length + old.length);
      }
    },
    output: () => all.map((child) => child.output()).join("\n"),
    close: async () => {
      for (const child of all) child.kill("SIGKILL");
      await Promise.all(all.map(({ exited }) => exited));
    },
  };
}

/** The images of the settings that the controller keeps, in order. */
export async function acceptedImages({ admin }: ControlPlane): Promise<readonly string[]> {
  const { data }: KubeObject = await admin.get(`${NAMESPACES}/${NAMESPACE}/configmaps/podrole-config`);
  return [0, 1, 2].flatMap((place) => data[`accepted.${place}.image`] ?? []);
}
