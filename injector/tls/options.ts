import { InvalidArgumentError, Option, type Command } from "commander";
import { integer } from "../../sidecar/kit/env.ts";

const TLS_VERSIONS = ["1.2", "1.3"] as const;

/** Commander's names for the options below. */
interface Parsed {
  readonly tlsCert: string;
  readonly tlsKey: string;
  readonly tlsMinVersion: (typeof TLS_VERSIONS)[number];
  readonly drainSeconds: number;
}

export interface ServingOptions {
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly drainMs: number;
  readonly files: { readonly cert: string; readonly key: string };
}

const seconds = (raw: string): number => {
  try {
    return integer(0, 600)(raw);
  } catch (error) {
    throw new InvalidArgumentError(`It ${(error as Error).message}.`);
  }
};

const OPTIONS: readonly Option[] = [
  new Option("--tls-cert <file>", "serving certificate, PEM").makeOptionMandatory(),
  new Option("--tls-key <file>", "its private key, PEM").makeOptionMandatory(),
  new Option("--tls-min-version <version>", "oldest TLS that is spoken").choices(TLS_VERSIONS).default("1.3"),
  new Option("--drain-seconds <seconds>", "how long it goes on answering after SIGTERM")
    .argParser(seconds)
    .default(15),
];

/** Adds what the webhook is served by, which the offline commands have no use for. */
export function withServing(command: Command): Command {
  for (const option of OPTIONS) command.addOption(option);
  return command;
}

export function servingFrom(options: Readonly<Record<string, unknown>>): ServingOptions {
  // Untyped by Commander; the table above is what makes it true.
  const given = options as unknown as Parsed;
  return {
    minVersion: `TLSv${given.tlsMinVersion}`,
    drainMs: given.drainSeconds * 1000,
    files: { cert: given.tlsCert, key: given.tlsKey },
  };
}
