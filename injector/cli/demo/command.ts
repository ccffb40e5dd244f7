import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { Interruption, type Bind, type ExitCode, type Io } from "../io.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { SETTINGS } from "../../config/settings.ts";
import { ASK_BROKER, serveAsk } from "./broker/ask.ts";
import { demo } from "./demo.ts";
import { readExamples } from "./admission/examples.ts";
import { nextSteps } from "./print/next-steps.ts";
import { createProgress } from "./print/progress.ts";
import { summaryOf } from "./print/report.ts";
import { DEMO_SOURCES, type DemoSource } from "./stage.ts";
import { serveStandIns, STAND_INS, type StandInsPlan } from "./aws/standins.ts";

/** A limit for hung steps: the whole demo takes a few seconds, and longer on a busy machine. */
const LIMIT_MS = 60_000;

const JSON_HELP = `
The document of --json:
  ok, claims, error     whether all was shown, each claim, what ended it early
  steps                 of each: section, title, detail, ms, notes; of one that
                        failed also its output
  examples              each pod as it was sent, the decision, the patch
                        (RFC 6902), warnings, the message of a denial
  pod, podArn, nodeArn  the pod that ran and its roles; who its SDK is; who the
                        node is
  identities            of each container what GetCallerIdentity answered
  before, after         an app without podrole and the metadata service, before
                        and behind the guard
  broker                of source broker: the session's STS call, each answer
  skipped, elapsedMs    why something cannot be shown here; how long all took`;

interface DemoCommandOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly examples?: string;
  readonly guardContainer: InjectorConfig["guardContainer"];
  readonly source: DemoSource;
}

/** `podrole demo`: the whole path on one machine, with no cluster and no AWS account. */
export const demoCommand = (bind: Bind): Command =>
  new Command("demo")
    .summary("run the whole path on this machine")
    .description(
      "Show the whole path on this machine, with no cluster and no AWS account: the real injector patches " +
        "the example manifests, and one patched pod runs here as processes, guard and sidecar included. " +
        "As root on Linux the pod has a network of its own with a metadata service in it. " +
        "Nothing is left behind.",
    )
    .option("--verbose", "show every step and every patch in full, hundreds of lines")
    .option("--json", "print the result as one JSON document, and the progress to standard error")
    .option("--examples <folder>", "folder of manifests (default: podrole's own examples)")
    .addOption(
      new Option("--guard-container <container>", "where the guard runs in a pod with a role")
        .choices(SETTINGS.guardContainer.kind.choices ?? [])
        .default(SETTINGS.guardContainer.default),
    )
    .addOption(
      new Option("--source <source>", "where the sidecar's identity comes from")
        .choices(DEMO_SOURCES)
        .default(DEMO_SOURCES[0]),
    )
    .addHelpText("after", JSON_HELP)
    .action(bind(runDemo))
    .addCommand(new Command(STAND_INS).argument("<plan>").action(bind(runStandIns)), { hidden: true })
    .addCommand(new Command(ASK_BROKER).action(bind(runAsk)), { hidden: true });

async function runStandIns(io: Io, plan: string): Promise<ExitCode> {
  await serveStandIns(JSON.parse(plan) as StandInsPlan, io);
  return 0;
}

async function runAsk(io: Io): Promise<ExitCode> {
  await serveAsk(io);
  return 0;
}

async function runDemo(
  io: Io,
  { json = false, verbose = false, examples: folder, guardContainer, source }: DemoCommandOptions,
): Promise<ExitCode> {
  // Built, this file is part of one in dist/cli: the programs and the examples lie in the folder above.
  const dist = fileURLToPath(new URL("..", import.meta.url));
  const self = join(dist, "cli.mjs");
  const examples = await readExamples(folder ?? join(dist, "examples"));

  const stream = json ? io.stderr : io.stdout;
  const { write, paint, columns } = stream;
  // The log of a CI system may be a terminal, and yet keeps what is written over.
  const rewritable = io.env["CI"] ? undefined : columns;
  const progress = createProgress({ write, paint, columns: rewritable, isVerbose: verbose });
  write(`${paint("bold", "podrole demo")}: from a manifest to an AWS SDK that has its pod's own role\n`);

  const tooLong = new AbortController();
  const timeout = setTimeout(() => {
    tooLong.abort(new CodedError("DEMO_TIMED_OUT", `The demo took more than ${LIMIT_MS / 1000} seconds.`));
  }, LIMIT_MS);
  const interrupted = io.interrupted();
  const setting = {
    dist,
    program: [process.execPath, self, "demo"],
    path: io.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
    progress,
    guardContainer,
    source,
  };
  const result = await demo(examples, setting, AbortSignal.any([interrupted, tooLong.signal]));
  clearTimeout(timeout);
  write(summaryOf(result, paint, verbose));
  if (result.ok) write(nextSteps({ source, isVerbose: verbose, skipped: result.skipped }, io.env, paint));
  if (json) io.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  const { reason } = interrupted as { reason: unknown };
  return reason instanceof Interruption ? reason.exitCode : result.ok ? 0 : 1;
}
