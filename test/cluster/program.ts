import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { KubeConfig } from "@kubernetes/client-node";
import { child, type Child } from "../support/child.ts";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";
import type { ControlPlane } from "./control-plane.ts";
import { tempFolder } from "../support/temp-files.ts";

/** The shipped injector or controller in its own process, at a real API server. */
export interface Program extends Child {
  readonly port: number;
  /** Asks as a kubelet's probe does, without checking the certificate. Status 0 when nobody answers. */
  readonly ask: (path: string) => Promise<{ readonly status: number; readonly body: string }>;
  readonly ready: () => Promise<unknown>;
}

export async function startProgram(plane: ControlPlane, args: readonly string[]): Promise<Program> {
  // With several replicas, the first one creates it.
  await plane.admin.request("POST", "/api/v1/namespaces/podrole-system/configmaps", {
    metadata: { name: "podrole-config" },
    data: { region: "eu-west-1" },
  });
  return started("../../injector/main.ts", "https", plane.injectorConfig, args);
}

/** Its certificates are also valid for 127.0.0.1. */
export const startController = (account: KubeConfig, args: readonly string[] = []): Promise<Program> =>
  started("../../injector/controller/main.ts", "http", account, ["--tls-names=127.0.0.1", ...args]);

async function started(
  main: string,
  scheme: "http" | "https",
  account: KubeConfig,
  args: readonly string[],
): Promise<Program> {
  const [folder, port] = [tempFolder(), await freePort()];
  const kubeconfig = join(folder, "kubeconfig");
  await writeFile(kubeconfig, account.exportConfig(), { mode: 0o600 });
  const where = [
    "--host=127.0.0.1",
    `--port=${port}`,
    `--kubeconfig=${kubeconfig}`,
    "--namespace=podrole-system",
  ];
  const program = child([fileURLToPath(new URL(main, import.meta.url)), ...where, ...args], {
    PATH: process.env["PATH"],
  });
  const asked = async (path: string): Promise<{ status: number; body: string }> => {
    const options = { host: "127.0.0.1", port, path, agent: false };
    const sent =
      scheme === "http" ? httpRequest(options) : request({ ...options, rejectUnauthorized: false });
    sent.end();
    const [response] = await once(sent, "response");
    return { status: response.statusCode, body: await text(response) };
  };
  const ask = (path: string): ReturnType<typeof asked> => asked(path).catch(() => ({ status: 0, body: "" }));
  return {
    ...program,
    port,
    ask,
    ready: () =>
      until("readiness", async () => ((await ask("/readyz")).status === 200 ? true : undefined), 30_000),
  };
}
