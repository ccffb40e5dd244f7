import { InvalidArgumentError, Option, type Command } from "commander";
import { integer } from "../../sidecar/kit/env.ts";
import { CodedError } from "../../sidecar/kit/errors.ts";
import { isObjectName } from "../model/object-name.ts";
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
  readonly service: string;
  readonly namespace?: string;
  readonly drainSeconds: number;
  readonly clientCa?: string;
}

export interface ServingOptions {
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly drainMs: number;
  /** File with the CAs of the clients that may send reviews; undefined: every client may. */
  readonly clientCa: string | undefined;
  readonly source:
    | { readonly mode: "files"; readonly files: TlsFiles }
    | {
        readonly mode: "self-managed";
        readonly secret: string;
        readonly service: string;
        /** Undefined: the one the program runs in. */
        readonly namespace: string | undefined;
      };
}

/** A name that stands in paths of the API. */
export const objectName = (raw: string): string => {
  if (!isObjectName(raw)) throw new InvalidArgumentError("It must be the name of a Kubernetes object.");
  return raw;
};

/** A parser of whole numbers for an option of Commander's. */
export const wholeNumber =
  (least: number, most: number) =>
  (raw: string): number => {
    try {
      return integer(least, most)(raw);
    } catch (error) {
      throw new InvalidArgumentError(`It ${(error as Error).message}.`);
    }
  };

/** A server whose certificate the controller keeps. */
export interface ServedService {
  readonly secret: string;
  readonly service: string;
  /** A clause: who calls it. */
  readonly called: string;
}

export const INJECTOR_SERVICE: ServedService = {
  secret: "podrole-injector-tls",
  service: "podrole-injector",
  called: "at which the API server calls the injector",
};

export const BROKER_SERVICE: ServedService = {
  secret: "podrole-broker-tls",
  service: "podrole-broker",
  called: "at which sidecars call the broker",
};

/** Where the Secret is, and for which Service its certificate: options that a server and the controller share. */
export function placeOptions(prefix = "", served = INJECTOR_SERVICE): readonly Option[] {
  return [
    new Option("--tls-secret <name>", `${prefix}Secret with CA and certificate, kept by the controller`)
      .argParser(objectName)
      .default(served.secret),
    new Option("--service <name>", `${prefix}Service ${served.called}`)
      .argParser(objectName)
      .default(served.service),
    new Option(
      "--namespace <name>",
      `${prefix}namespace of Secret and Service (default: the namespace of the program)`,
    ).argParser(objectName),
  ];
}

const CLIENT_CA = new Option(
  "--client-ca <file>",
  "CA of the clients that may send reviews, PEM; read again when it changes (default: every client may)",
);

const optionsFor = (served: ServedService): readonly Option[] => [
  new Option(
    "--tls <mode>",
    "source of the serving certificate (default: files with --tls-cert, else self-managed)",
  ).choices(TLS_MODES),
  new Option("--tls-cert <file>", "files: serving certificate, PEM; read again when it changes"),
  new Option("--tls-key <file>", "files: its private key, PEM"),
  ...placeOptions("self-managed: ", served),
  new Option("--tls-min-version <version>", "oldest TLS version to accept")
    .choices(TLS_VERSIONS)
    .default("1.3"),
  ...(served === INJECTOR_SERVICE ? [CLIENT_CA] : []),
  new Option("--drain-seconds <seconds>", "how long the server keeps answering after SIGTERM")
    .argParser(wholeNumber(0, 600))
    .default(15),
];

/** Adds the options of a server, which offline commands do not need. */
export function withServing(command: Command, served = INJECTOR_SERVICE): Command {
  for (const option of optionsFor(served)) command.addOption(option);
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
    clientCa: given.clientCa,
  } as const;
  if (mode === "files") {
    if (tlsCert === undefined || tlsKey === undefined)
      throw new CodedError("CONFIG_INVALID", "--tls files needs both --tls-cert and --tls-key.");
    return { ...same, source: { mode, files: { cert: tlsCert, key: tlsKey } } };
  }
  if (tlsCert !== undefined || tlsKey !== undefined)
    throw new CodedError("CONFIG_INVALID", "--tls self-managed reads certificate and key from a Secret.", {
      remedy: "Remove --tls-cert and --tls-key, or choose --tls files.",
    });
  return {
    ...same,
    source: {
      mode,
      secret: given.tlsSecret,
      service: given.service,
      namespace: given.namespace,
    },
  };
}

/** The Service's host names. The API server verifies the first; the others are for people and other clients. */
export const serviceNames = (service: string, namespace: string): readonly [string, ...string[]] => [
  `${service}.${namespace}.svc`,
  `${service}.${namespace}.svc.cluster.local`,
  `${service}.${namespace}`,
  service,
];
