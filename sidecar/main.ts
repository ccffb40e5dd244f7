#!/usr/bin/env node
import type { Env } from "./kit/env.ts";
import { coded, oneLine } from "./kit/errors.ts";
import { writeTerminationMessage } from "./kit/termination.ts";

const USAGE = "Usage: podrole-sidecar guard | verify | serve | guard-and-serve | wait | --version | --help";
const EXIT = { failed: 1, usage: 2 } as const;

type Command = (env: Env) => Promise<number>;

/** Each is imported only when needed: `wait` runs beside `serve` in the same container and must stay cheap. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  guard: async () => (await import("./guard/main.ts")).guardMain,
  verify: async () => (await import("./guard/verify.ts")).verifyMain,
  serve: async () => (await import("./serve-main.ts")).serveMain,
  "guard-and-serve": async () => (await import("./guard-and-serve.ts")).guardAndServeMain,
  wait: async () => (await import("./wait.ts")).waitMain,
  "--version": async () => (await import("./version.ts")).versionMain,
  "--help": async () => help,
};

const help: Command = async () => {
  process.stdout.write(`${USAGE}\n`);
  return 0;
};

/** On one line, without stack or cause: an error of Node's may quote what it failed on. */
function fail(thrown: unknown, env: Env): never {
  const error = coded(thrown);
  const line = oneLine(error);
  process.stderr.write(`${line}\n`);
  writeTerminationMessage(env, line);
  process.exit(error.code === "CONFIG_INVALID" ? EXIT.usage : EXIT.failed);
}

async function main([name = "", ...rest]: readonly string[], env: Env): Promise<void> {
  const load = Object.hasOwn(COMMANDS, name) && rest.length === 0 ? COMMANDS[name] : undefined;
  if (load === undefined) {
    process.stderr.write(`Unknown command: ${[name, ...rest].join(" ") || "none given"}. ${USAGE}\n`);
    process.exit(EXIT.usage);
  }
  process.on("uncaughtException", (error) => fail(error, env));
  // A process with PID 1 ignores both signals unless it has a handler. The kubelet ends the sidecar when every app
  // container is gone, so there is nothing left to finish. Before that, the command has not done its work: a guard that
  // is interrupted, or a sidecar that has not started. `serve` changes the code once it has.
  process.exitCode = EXIT.failed;
  const onSignal = (): never => process.exit();
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  try {
    const command = await load();
    process.exit(await command(env));
  } catch (error) {
    fail(error, env);
  }
}

void main(process.argv.slice(2), process.env);
