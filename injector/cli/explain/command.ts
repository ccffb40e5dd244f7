import { Command, Option } from "commander";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import {
  FILES,
  OBJECTS,
  outputOption,
  withClusterOptions,
  type ClusterOptions,
  withSettingOptions,
} from "../options.ts";
import type { Bind, ExitCode, Io } from "../io.ts";
import type { Explanation } from "./explanation.ts";
import { explainObjects, requirePods } from "./manifests.ts";
import { textOf } from "./text.ts";
import { installationFrom } from "../live/installed.ts";
import type { KubeOptions } from "../live/kubeconfig.ts";
import { kubeconfigFiles } from "../live/kubeconfig-files.ts";
import { widthOf } from "../print/lines.ts";
import { assumingBroker } from "../input/assumed-broker.ts";
import { givenSettings } from "../input/settings.ts";
import {
  assumptionsFrom,
  objectsIn,
  readManifests,
  withAssumptions,
  type AssumptionOptions,
} from "../input/files.ts";

interface ExplainOptions extends AssumptionOptions, ClusterOptions {
  readonly filename?: readonly string[];
  readonly offline?: boolean;
  readonly output: "text" | "json";
  readonly namespace?: string;
}

type Options = ExplainOptions & Record<string, unknown>;

/** `podrole explain`: each step of the decision, for manifests or for what is in a cluster. */
export function explainCommand(bind: Bind): Command {
  const command = new Command("explain")
    .summary("explain why a pod gets, or does not get, its role")
    .description(
      "Explain why a pod gets, or does not get, its role: each step of the decision, the pod that results, and " +
        "what to change. The pods are those of manifests, with -f, or are read from a cluster. Settings, namespaces, " +
        "service accounts, RoleGrants and LimitRanges are the cluster's; those in the manifests, and settings given " +
        "here, go before them. Who may not read RoleGrants gets the webhook's answer to a server-side dry run. " +
        "With --offline, or -f and no kubeconfig, no cluster is asked. Of a pod whose sessions the broker makes, it " +
        "also tells what the broker would answer now.",
    )
    .argument(...OBJECTS)
    .option(...FILES)
    .addOption(outputOption("text", "json"))
    .option("-n, --namespace <name>", "namespace of objects that name none (default: the context's)")
    .addOption(
      new Option("--offline", "with -f: ask no cluster, and go by the manifests alone").conflicts([
        "kubeconfig",
        "context",
      ]),
    );
  withAssumptions(command);
  withClusterOptions(command);
  withSettingOptions(command);
  return command.action(bind(runExplain));
}

async function runExplain(io: Io, references: readonly string[], options: Options): Promise<ExitCode> {
  const explanations = await explanationsOf(references, options, io);
  io.stdout.write(
    options.output === "json"
      ? `${JSON.stringify(explanations, null, 2)}\n`
      : textOf(explanations, widthOf(io.stdout), io.stdout.paint),
  );
  return explanations.some(isRefused) ? 1 : 0;
}

const isRefused = ({ decision, broker = [] }: Explanation): boolean =>
  decision === "deny" || broker.some(({ kind }) => kind === "refused");

async function explanationsOf(
  references: readonly string[],
  options: Options,
  { stdin, env }: Io,
): Promise<readonly Explanation[]> {
  if ((options.filename === undefined) === (references.length === 0)) {
    throw new CodedError("USAGE", "Give either manifests with -f or objects such as pod/NAME.");
  }
  const given = await givenSettings(options);
  const live = { ...options, env };
  if (options.filename === undefined) {
    if (options.offline === true) {
      throw new CodedError("USAGE", "--offline needs manifests: an object such as pod/NAME is in a cluster.");
    }
    // Only here: the Kubernetes client takes longer to load than everything else takes to run.
    const { explainLive } = await import("./live.ts");
    return explainLive(references, live, installationFrom(given));
  }
  const objects = objectsIn(await readManifests(options.filename, stdin));
  requirePods(objects);
  const assumed = assumptionsFrom(options);
  const whyOffline = options.offline === true ? "--offline is given" : whyNoCluster(live);
  if (whyOffline === undefined) {
    const { explainManifests } = await import("./live.ts");
    return explainManifests({ objects, assumed }, live, installationFrom(given));
  }
  const { config, assumptions: ofSettings } = assumingBroker(given);
  const assumptions = [
    ...ofSettings,
    `No cluster was asked, since ${whyOffline}: settings, service accounts, RoleGrants and LimitRanges are those of the command line and the manifests alone.`,
  ];
  return explainObjects(objects, { config, assumptions, assumed, namespace: options.namespace ?? "default" });
}

/** With -f, a cluster is asked wherever kubectl would find a kubeconfig; a pod's own service account is seldom meant. */
const whyNoCluster = ({ kubeconfig, context, env }: KubeOptions): string | undefined =>
  kubeconfig === undefined && context === undefined && kubeconfigFiles(env ?? {}).length === 0
    ? "there is no kubeconfig"
    : undefined;
