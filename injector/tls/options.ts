import { InvalidArgumentError, Option, type Command } from "commander";
import { normalAddress } from "../../sidecar/kit/address.ts";
import { integer } from "../../sidecar/kit/env.ts";
import { CodedError } from "../../sidecar/kit/errors.ts";
import type { TlsFiles } from "./files.ts";

const TLS_MODES = ["self-managed", "files"] as const;
const TLS_VERSIONS = ["1.2", "1.3"] as const;

/** Commander's names for the options below. */
interface Parsed {
  readonly tls?: (typeof TLS_MODES)[number];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsMinVersion: (typeof TLS_VERSIONS)[number];
  readonly tlsSecret: string;
  readonly tlsNames: readonly string[];
  readonly service: string;
  readonly namespace?: string;
  readonly webhookConfiguration: string;
  readonly drainSeconds: number;
}

export interface ServingOptions {
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly drainMs: number;
  readonly source:
    | { readonly mode: "files"; readonly files: TlsFiles }
    | {
        readonly mode: "self-managed";
        readonly secret: string;
        readonly service: string;
        /** Undefined: the one the injector runs in. */
        readonly namespace: string | undefined;
        readonly webhooks: readonly string[];
        readonly furtherNames: readonly string[];
      };
}

/** A name that stands in paths of the API. */
const objectName = (raw: string): string => {
  if (raw.length > 253 || !/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(raw))
    throw new InvalidArgumentError("It must be the name of a Kubernetes object.");
  return raw;
};

const names = (raw: string): readonly string[] =>
  raw.split(",").map((part) => {
    const name = part.trim();
    const address = normalAddress(name);
    if (address === undefined && !/^[\w.-]{1,253}$/.test(name))
      throw new InvalidArgumentError("It must hold host names or IP addresses.");
    return address ?? name;
  });

const seconds = (raw: string): number => {
  try {
    return integer(0, 600)(raw);
  } catch (error) {
    throw new InvalidArgumentError(`It ${(error as Error).message}.`);
  }
};

const OPTIONS: readonly Option[] = [
  new Option(
    "--tls <mode>",
    "where the serving certificate comes from (default: files with --tls-cert, else self-managed)",
  ).choices(TLS_MODES),
  new Option("--tls-cert <file>", "files: serving certificate, PEM; read again when it changes"),
  new Option("--tls-key <file>", "files: its private key, PEM"),
  new Option("--tls-secret <name>", "self-managed: Secret that keeps CA and certificate")
    .argParser(objectName)
    .default("podrole-injector-tls"),
  new Option("--service <name>", "self-managed: Service by which the API server calls")
    .argParser(objectName)
    .default("podrole-injector"),
  new Option(
    "--namespace <name>",
    "self-managed: of Secret and Service (default: the injector's own)",
  ).argParser(objectName),
  new Option("--webhook-configuration <name>", "self-managed: whose caBundle is kept")
    .argParser(objectName)
    .default("podrole"),
  new Option("--tls-names <names>", "self-managed: further names and addresses in the certificate")
    .argParser(names)
    .default([], "none"),
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

/** @throws CodedError `CONFIG_INVALID` for options that do not go together */
export function servingFrom(options: Readonly<Record<string, unknown>>): ServingOptions {
  // Untyped by Commander; the table above is what makes it true.
  const given = options as unknown as Parsed;
  const { tlsCert, tlsKey } = given;
  const mode = given.tls ?? (tlsCert === undefined && tlsKey === undefined ? "self-managed" : "files");
  const same = {
    minVersion: `TLSv${given.tlsMinVersion}`,
    drainMs: given.drainSeconds * 1000,
  } as const;
  if (mode === "files") {
    if (tlsCert === undefined || tlsKey === undefined)
      throw new CodedError("CONFIG_INVALID", "--tls files needs both --tls-cert and --tls-key.");
    return { ...same, source: { mode, files: { cert: tlsCert, key: tlsKey } } };
  }
  if (tlsCert !== undefined || tlsKey !== undefined)
    throw new CodedError("CONFIG_INVALID", "--tls self-managed makes certificate and key itself.", {
      remedy: "Leave out --tls-cert and --tls-key, or choose --tls files.",
    });
  return {
    ...same,
    source: {
      mode,
      secret: given.tlsSecret,
      service: given.service,
      namespace: given.namespace,
      webhooks: [`mutatingwebhookconfigurations/${given.webhookConfiguration}`],
      furtherNames: given.tlsNames,
    },
  };
}
