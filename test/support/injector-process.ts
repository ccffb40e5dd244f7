import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { servingCertificate, validFor, type KeyPair } from "../../injector/tls/certificates.ts";
import { child, type Child } from "./child.ts";
import type { FakeApiServer } from "./fake-api-server.ts";
import { freePort } from "./free-port.ts";
import { until } from "./until.ts";
import { tempFolder } from "./temp-files.ts";

const MAIN = fileURLToPath(new URL("../../injector/main.ts", import.meta.url));
export const SERVICE_NAME = "podrole-injector.podrole-system.svc";

export interface InjectorProcess extends Child {
  readonly port: number;
  /** The files of certificate and key. */
  readonly files: { readonly cert: string; readonly key: string };
  readonly lines: () => readonly Record<string, unknown>[];
}

/** Starts the real injector as a separate process, with its certificate in files. Resolves when it is ready. */
export async function injectorProcess(
  api: FakeApiServer,
  ca: KeyPair,
  args: readonly string[] = [],
): Promise<InjectorProcess> {
  const [folder, port] = [tempFolder(), await freePort()];
  const files = { cert: join(folder, "tls.crt"), key: join(folder, "tls.key") };
  const [kubeconfig, config] = [join(folder, "kubeconfig"), join(folder, "config.yaml")];
  const pair = await servingCertificate(ca, [SERVICE_NAME, "127.0.0.1"], validFor(1, Date.now()));
  await Promise.all([
    writeFile(files.cert, pair.cert),
    writeFile(files.key, pair.key, { mode: 0o600 }),
    writeFile(kubeconfig, api.config.exportConfig()),
    writeFile(config, "kind: ConfigMap\ndata: {region: eu-west-1}\n"),
  ]);
  const program = child(
    [
      MAIN,
      "--host=127.0.0.1",
      `--port=${port}`,
      `--kubeconfig=${kubeconfig}`,
      `--tls-cert=${files.cert}`,
      `--tls-key=${files.key}`,
      `--config=${config}`,
      ...args,
    ],
    { PATH: process.env["PATH"] },
  );
  const lines = (): readonly Record<string, unknown>[] =>
    program
      .output()
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  let ended = false;
  void program.exited.then(() => (ended = true));
  await until(
    "the injector",
    () => {
      if (ended) throw new Error("it has ended");
      const said = lines();
      const followed = said.filter(({ msg }) => msg === "watch started" || msg === "not installed");
      const taken = said.some(({ msg }) => msg === "settings applied");
      return (followed.length >= 3 && taken && program.output().includes("listening at")) || undefined;
    },
    60_000,
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${program.output()}`, { cause: error });
  });
  return { ...program, port, files, lines };
}
