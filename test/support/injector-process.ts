import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { servingCertificate, validFor, type KeyPair } from "../../injector/tls/certificates.ts";
import { runChild, type Child } from "./child.ts";
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

export interface Surroundings {
  /** The injector's file; absent: its source. */
  readonly program?: string;
  /** The words before Node's own, such as those that put it into a control group. */
  readonly before?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts the real injector as a separate process, with its certificate in files. Resolves when it is ready. */
export async function injectorProcess(
  api: FakeApiServer,
  ca: KeyPair,
  args: readonly string[] = [],
  { program = MAIN, before = [], env = {} }: Surroundings = {},
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
  const [first, ...rest] = [...before, process.execPath];
  const started = runChild(
    first,
    [
      ...rest,
      program,
      "--host=127.0.0.1",
      `--port=${port}`,
      `--kubeconfig=${kubeconfig}`,
      `--tls-cert=${files.cert}`,
      `--tls-key=${files.key}`,
      `--config=${config}`,
      ...args,
    ],
    { PATH: process.env["PATH"], ...env },
  );
  const lines = (): readonly Record<string, unknown>[] =>
    started
      .output()
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  let ended = false;
  void started.exited.then(() => (ended = true));
  await until(
    "the injector",
    () => {
      if (ended) throw new Error("it has ended");
      const said = lines();
      const followed = said.filter(({ msg }) => msg === "watch started" || msg === "not installed");
      const taken = said.some(({ msg }) => msg === "settings applied");
      return (followed.length >= 3 && taken && started.output().includes("listening at")) || undefined;
    },
    60_000,
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${started.output()}`, { cause: error });
  });
  return { ...started, port, files, lines };
}
