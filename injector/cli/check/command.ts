import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { systemClock } from "../../../sidecar/kit/clock.ts";
import { oneLine } from "../../../sidecar/kit/errors.ts";
import { Interruption, type Bind, type ExitCode, type Io } from "../io.ts";
import { installationFrom } from "../live/installed.ts";
import { givenSettings } from "../input/settings.ts";
import { plain, widthOf } from "../print/lines.ts";
import { outputOption, withClusterOptions, withConfigFile, type ClusterOptions } from "../options.ts";
import { isHealthy } from "./checks.ts";
import { notInstalled } from "./not-installed.ts";
import { isJudged } from "./result.ts";
import { scopeOf } from "./probe/results.ts";
import { nothingJudged, reportOf } from "./text.ts";
import { checkUntil } from "./wait.ts";

interface CheckOptions extends ClusterOptions {
  readonly wait?: boolean;
  /** Milliseconds. */
  readonly timeout: number;
  readonly output: "text" | "json";
  readonly namespace?: string;
  /** true: every pool of nodes. */
  readonly probe?: true | readonly string[];
}

type Options = CheckOptions & Record<string, unknown>;

/** `podrole check`: whether the installation of a cluster does what it is there for. */
export function checkCommand(bind: Bind): Command {
  const command = new Command("check")
    .summary("check whether podrole works in a cluster")
    .description(
      "Check whether podrole works in a cluster: injector, webhook, certificates, admission policy, labelled " +
        "namespaces and, where the settings use it, the broker. Two pods are tried in those namespaces as a dry run, for " +
        "each mode of the guard, and the broker is asked through the API server. Nothing is changed, unless --probe asks " +
        "for it. What the kubeconfig's user may not read is skipped, and the report says so.",
    )
    .option("--wait", "check again until nothing is broken, or until --timeout is over")
    .addOption(
      new Option("--timeout <duration>", "how long --wait and --probe wait, such as 90s or 5m")
        .argParser(durationMs)
        .default(120_000, "2m"),
    )
    .addOption(outputOption("text", "json"))
    .option(
      "--probe [pools...]",
      "also try the guard's mode verify on a node of each pool, or of the pools that are named: a Job in podrole's " +
        "namespace runs a pod there for some seconds, and is deleted. The kubeconfig's user must be allowed to list " +
        "nodes, and in that namespace to create and delete jobs and to list pods",
    )
    .option("-n, --namespace <name>", "labelled namespace to try pods in (default: the first of each mode)");
  withConfigFile(withClusterOptions(command));
  return command.action(bind(runCheck));
}

async function runCheck(io: Io, options: Options): Promise<ExitCode> {
  try {
    return await checked(io, options);
  } catch (error) {
    if (!(error instanceof Interruption)) throw error;
    io.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
}

async function checked(io: Io, options: Options): Promise<ExitCode> {
  // Only here: the Kubernetes client takes longer to load than everything else takes to run.
  const { nameOrThrow, withCluster } = await import("../live/cluster.ts");
  const { gather } = await import("./gather.ts");
  const asked = {
    podroleNamespace: nameOrThrow(options.podroleNamespace, "--podrole-namespace"),
    namespace: options.namespace === undefined ? undefined : nameOrThrow(options.namespace, "-n"),
    configFrom: installationFrom(await givenSettings(options)),
  };
  const say = (line: string): void => io.stderr.write(`${plain(line)}\n`);
  const { results, without: missing } = await withCluster({ ...options, env: io.env }, async (cluster) => {
    const look = await checkUntil(options.wait === true ? options.timeout : 0, {
      gather: () => gather(cluster, { ...asked, now: systemClock.now() }),
      now: () => systemClock.now(),
      sleep: (ms) => sleep(ms),
      say,
    });
    const without = look.unasked ?? notInstalled(look.facts, cluster.context);
    const only = options.probe === true ? [] : options.probe;
    if (only === undefined || look.facts === undefined || without !== undefined) return { ...look, without };
    const { probe } = await import("./probe/probe.ts");
    const interrupted = io.interrupted();
    const probing = { only, limitMs: options.timeout, say, interrupted };
    return { without, results: [...look.results, ...(await probe(look.facts, cluster, probing))] };
  });
  const healthy = isHealthy(results) && isJudged(results);
  const notes = options.probe === undefined ? [] : [scopeOf(asked.podroleNamespace)];
  const nothing = missing ?? nothingJudged(results);
  if (options.output === "json") {
    const report = { healthy, checks: results, ...(notes.length === 0 ? {} : { notes }) };
    io.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } else if (nothing !== undefined) io.stderr.write(`${oneLine(nothing)}\n`);
  else io.stdout.write(reportOf(results, widthOf(io.stdout), io.stdout.paint, notes));
  return healthy ? 0 : 1;
}

function durationMs(raw: string): number {
  const [, number, unit] = /^(\d{1,5})(s|m)?$/.exec(raw) ?? [];
  if (number === undefined) throw new InvalidArgumentError("It must be such as 90s or 5m.");
  return Number(number) * (unit === "m" ? 60_000 : 1000);
}
