import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { demo } from "./demo.ts";
import { readExamples } from "./examples.ts";
import { createProgress } from "./progress.ts";
import { paintFor } from "../print/paint.ts";
import { summaryOf } from "./report.ts";
import { serveStandIns, STAND_INS, type StandInsPlan } from "./standins.ts";

/** A hung step must not keep anybody waiting: the whole takes a few seconds. */
const LIMIT_MS = 20_000;
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

interface DemoCommandOptions {
  readonly json: boolean;
  readonly examples?: string;
}

/** `podrole demo`: the whole path on one machine, with no cluster and no AWS account. */
export const demoCommand = (): Command =>
  new Command("demo")
    .summary("show the whole path on this machine")
    .description(
      "Show the whole path on this machine, with no cluster and no AWS account: the real injector patches " +
        "the example manifests, and one patched pod runs here as processes, guard and sidecar included. " +
        "As root on Linux the pod has a network of its own with a metadata service in it. " +
        "Nothing is left behind.",
    )
    .option("--json", "print one JSON document instead; progress goes to standard error", false)
    .option("--examples <folder>", "manifests to use instead of podrole's own")
    .action(runDemo)
    .addCommand(
      new Command(STAND_INS)
        .argument("<plan>")
        .action((plan: string) => serveStandIns(JSON.parse(plan) as StandInsPlan)),
      { hidden: true },
    );

async function runDemo({ json, examples: folder }: DemoCommandOptions): Promise<void> {
  // Built, this file is part of dist/cli.mjs: the other programs lie beside it, the examples in the same package.
  const self = fileURLToPath(import.meta.url);
  const dist = dirname(self);
  const examples = await readExamples(folder ?? join(dist, "../deploy/examples"));

  const stream = json ? process.stderr : process.stdout;
  const paint = paintFor(stream);
  const progress = createProgress((text) => void stream.write(text), paint, stream.isTTY);
  stream.write(
    `${paint("bold", "podrole demo")}: from a manifest to an AWS SDK that has its pod's own role.\n\n`,
  );

  const stopping = new AbortController();
  const timeout = setTimeout(() => {
    stopping.abort(new CodedError("DEMO_TIMED_OUT", `The demo took more than ${LIMIT_MS / 1000} seconds.`));
  }, LIMIT_MS);
  const onSignal = (signal: keyof typeof SIGNALS): void => {
    stopping.abort(new CodedError("DEMO_INTERRUPTED", `Ended by ${signal}; everything is cleaned up.`));
    process.exitCode = SIGNALS[signal];
  };
  for (const signal of Object.keys(SIGNALS)) process.on(signal, onSignal);
  // Who reads may go away, such as `head`: that must not end this process before it has cleaned up.
  const onUnread = (): void =>
    stopping.abort(new CodedError("DEMO_UNREAD", "Nobody reads what the demo has to say."));
  for (const one of [process.stdout, process.stderr]) one.on("error", onUnread);
  const setting = {
    dist,
    program: [process.execPath, self, "demo"],
    path: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
    progress,
  };
  const result = await demo(examples, setting, stopping.signal);
  clearTimeout(timeout);
  for (const signal of Object.keys(SIGNALS)) process.off(signal, onSignal);
  stream.write(summaryOf(result, paint));
  if (json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  if (!result.ok) process.exitCode ??= 1;
}
