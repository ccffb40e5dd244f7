import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { child, type Child } from "../support/child.ts";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";
import type { ControlPlane } from "./control-plane.ts";
import { tempFolder } from "../support/temp-files.ts";

/** The injector as it is shipped, in a process of its own: certificates of its own at a real API server. */
export interface Program extends Child {
  readonly port: number;
  /** As a kubelet's probe asks: whatever certificate it shows. Status 0 where nobody answers. */
  readonly ask: (path: string) => Promise<{ readonly status: number; readonly body: string }>;
  readonly ready: () => Promise<unknown>;
}

export async function startProgram(plane: ControlPlane, args: readonly string[]): Promise<Program> {
  const [folder, port] = [tempFolder(), await freePort()];
  const kubeconfig = join(folder, "kubeconfig");
  await writeFile(kubeconfig, plane.injectorConfig.exportConfig(), { mode: 0o600 });
  const main = fileURLToPath(new URL("../../injector/main.ts", import.meta.url));
  const where = [`--port=${port}`, `--kubeconfig=${kubeconfig}`, "--namespace=podrole-system"];
  const program = child(
    [main, "--host=127.0.0.1", "--tls-names=127.0.0.1", "--region=eu-west-1", ...where, ...args],
    { PATH: process.env["PATH"] },
  );
  const asked = async (path: string): Promise<{ status: number; body: string }> => {
    const sent = request({ host: "127.0.0.1", port, path, agent: false, rejectUnauthorized: false });
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
