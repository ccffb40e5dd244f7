import { systemCode } from "../../sidecar/kit/errors.ts";
import { Interruption } from "./io.ts";
import { outputOf } from "./print/output.ts";
import { run } from "./run.ts";

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

const unread = new AbortController();
for (const stream of [process.stdout, process.stderr]) {
  // A reader such as head may close the pipe early, which is not an error.
  stream.on("error", (error) => {
    if (systemCode(error) !== "EPIPE") throw error;
    unread.abort(new Interruption("Nobody reads the output.", 1));
  });
}

function interrupted(): AbortSignal {
  const signalled = new AbortController();
  for (const [name, exitCode] of Object.entries(SIGNALS)) {
    process.on(name, () => signalled.abort(new Interruption(`Ended by ${name}.`, exitCode)));
  }
  return AbortSignal.any([signalled.signal, unread.signal]);
}

process.exitCode = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: outputOf(process.stdout, process.env, false),
  stderr: outputOf(process.stderr, process.env, true),
  env: process.env,
  interrupted,
});
