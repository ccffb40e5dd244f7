import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { systemClock } from "../../../sidecar/kit/clock.ts";
import type { Bind, ExitCode, Io } from "../io.ts";
import { installationFrom, PODROLE_NAMESPACE } from "../live/installed.ts";
import type { KubeOptions } from "../live/kubeconfig.ts";
import { widthOf } from "../print/lines.ts";
import { isHealthy } from "./checks.ts";
import { reportOf } from "./text.ts";
import { checkUntil } from "./wait.ts";

interface CheckOptions extends KubeOptions {
  readonly wait?: boolean;
  /** Milliseconds. */
  readonly timeout: number;
  readonly output: "text" | "json";
  readonly namespace?: string;
  readonly podroleNamespace: string;
}

type Options = CheckOptions & Record<string, unknown>;

/** `podrole check`: whether the installation of a cluster does what it is there for. */
export const checkCommand = (bind: Bind): Command =>
  new Command("check")
    .summary("tell whether podrole works in a cluster")
    .description(
      "Tell whether podrole works in a cluster: injector, webhook, certificates, admission policy, labelled " +
        "namespaces, and two pods that are tried there without being made. It changes nothing. What the kubeconfig's user " +
        "may not look at is passed over, and said.",
    )
    .option("--wait", "look again until nothing is broken")
    .addOption(
      new Option("--timeout <duration>", "how long to wait, such as 90s or 5m")
        .argParser(durationMs)
        .default(120_000, "2m"),
    )
    .addOption(
      new Option("-o, --output <format>", "format of the result").choices(["text", "json"]).default("text"),
    )
    .option("-n, --namespace <name>", "labelled namespace to try pods in (default: the first)")
    .option("--podrole-namespace <name>", "where the injector is installed", PODROLE_NAMESPACE)
    .option("--kubeconfig <file>", "kubeconfig of the cluster")
    .option("--context <name>", "context in it")
    .action(bind(runCheck));

async function runCheck(io: Io, options: Options): Promise<ExitCode> {
  // Only here: the Kubernetes client takes longer to load than everything else takes to run.
  const { nameOrThrow, withCluster } = await import("../live/cluster.ts");
  const { gather } = await import("./gather.ts");
  // It takes no options of an installation: where the injector's cannot be read, their defaults stand in.
  const asked = {
    podroleNamespace: nameOrThrow(options.podroleNamespace, "--podrole-namespace"),
    namespace: options.namespace === undefined ? undefined : nameOrThrow(options.namespace, "-n"),
    configFrom: installationFrom({}),
  };
  const results = await withCluster({ ...options, env: io.env }, (cluster) =>
    checkUntil(options.wait === true ? options.timeout : 0, {
      gather: () => gather(cluster, { ...asked, now: systemClock.now() }),
      now: () => systemClock.now(),
      sleep: (ms) => sleep(ms),
      say: (line) => io.stderr.write(`${line}\n`),
    }),
  );
  const healthy = isHealthy(results);
  io.stdout.write(
    options.output === "json"
      ? `${JSON.stringify({ healthy, checks: results }, null, 2)}\n`
      : reportOf(results, widthOf(io.stdout), io.stdout.paint),
  );
  return healthy ? 0 : 1;
}

function durationMs(raw: string): number {
  const [, number, unit] = /^(\d{1,5})(s|m)?$/.exec(raw) ?? [];
  if (number === undefined) throw new InvalidArgumentError("It must be such as 90s or 5m.");
  return Number(number) * (unit === "m" ? 60_000 : 1000);
}
