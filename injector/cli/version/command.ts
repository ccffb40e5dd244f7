import { Command } from "commander";
import { coded, oneLine, type CodedError } from "../../../sidecar/kit/errors.ts";
import { VERSION } from "../../model/version.ts";
import type { Bind, ExitCode, Io } from "../io.ts";
import { outputOption, withClusterOptions, type ClusterOptions } from "../options.ts";
import { widthOf } from "../print/lines.ts";
import { clientText, installedText, type Client, type Installed } from "./versions.ts";

interface VersionOptions extends ClusterOptions {
  readonly client?: boolean;
  readonly output: "text" | "json";
}

/** `podrole version`: of this program, and of what is installed in a cluster. */
export function versionCommand(bind: Bind): Command {
  const command = new Command("version")
    .summary("print the version, and the one that is installed in a cluster")
    .description(
      "Print the version of this program and, where a cluster can be asked, the version that is installed there, " +
        "the one that its settings are for, and that of Kubernetes.",
    )
    .option("--client", "ask no cluster")
    .addOption(outputOption("text", "json"));
  return withClusterOptions(command).action(bind(runVersion));
}

async function runVersion(io: Io, options: VersionOptions): Promise<ExitCode> {
  const client: Client = { version: VERSION, node: process.versions.node };
  const isText = options.output === "text";
  // Before a cluster is asked: it may take its time.
  if (isText) io.stdout.write(clientText(client));
  const asked = options.client === true ? undefined : await installed(io, options);
  if (!isText) io.stdout.write(`${JSON.stringify({ client, ...asked }, null, 2)}\n`);
  else if (asked !== undefined && "cluster" in asked)
    io.stdout.write(installedText(asked.cluster, client, widthOf(io.stdout)));
  else if (asked !== undefined) io.stdout.write(`cluster     not asked: ${asked.problem}\n`);
  return 0;
}

/** What is said of a cluster is an answer; that there is none, or that it does not answer, is one too. */
const NO_CLUSTER: ReadonlySet<string> = new Set([
  "KUBECONFIG_MISSING",
  "API_UNREACHABLE",
  "API_UNAUTHENTICATED",
]);

async function installed(
  io: Io,
  options: VersionOptions,
): Promise<{ readonly cluster: Installed } | { readonly problem: string }> {
  // Only here: the Kubernetes client takes longer to load than everything else takes to run.
  const { readInstalled } = await import("./live.ts");
  try {
    return { cluster: await readInstalled({ ...options, env: io.env }) };
  } catch (error) {
    const known: CodedError = coded(error);
    if (!NO_CLUSTER.has(known.code)) throw error;
    return { problem: oneLine(known) };
  }
}
