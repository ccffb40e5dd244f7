import { Option, type Command } from "commander";
import { withSettings } from "../config/flags.ts";
import { PODROLE_NAMESPACE } from "./live/installed.ts";
import type { KubeOptions } from "./live/kubeconfig.ts";

/** Where the cluster is, and where podrole is in it. */
export interface ClusterOptions extends KubeOptions {
  readonly podroleNamespace: string;
}

/** Each `with…` adds options below a heading of their own in the help. */
export const withClusterOptions = (command: Command): Command =>
  command
    .optionsGroup("Cluster:")
    .option("--kubeconfig <file>", "kubeconfig to use (default: the one that kubectl uses)")
    .option("--context <name>", "context of the kubeconfig (default: the current one)")
    .option("--podrole-namespace <name>", "namespace that podrole is installed in", PODROLE_NAMESPACE);

/** The file with the settings of the installation. */
export const withConfigFile = (command: Command): Command =>
  command.option("--config <file>", "manifest of the ConfigMap podrole-config, to read the settings from");

/** Every setting of the installation, and the file with them. A setting given here overrides the file's. */
export const withSettingOptions = (command: Command): Command =>
  withSettings(withConfigFile(command.optionsGroup("Settings of the installation:")));

/** `-o`; the first format is the default. */
export const outputOption = (...formats: readonly [string, ...string[]]): Option =>
  new Option("-o, --output <format>", "output format").choices(formats).default(formats[0]);

export const OBJECTS = ["[object...]", "objects in a cluster, such as pod/NAME or deployment/NAME"] as const;
export const FILES = ["-f, --filename <file...>", "manifests, YAML or JSON; - is standard input"] as const;
