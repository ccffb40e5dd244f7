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

/**
 * Every setting of the installation, and the file with them. A setting given here overrides the file's. They are several
 * times as many as a command's own options, so only `--help-all` shows them.
 */
export function withSettingOptions(command: Command): Command {
  withConfigFile(command.optionsGroup("Settings of the installation:"));
  const shown = new Set(command.options);
  withSettings(command);
  const settings = command.options.filter((option) => !shown.has(option));
  for (const option of settings) option.hideHelp();
  return command
    .addOption(new Option(HELP_ALL, "also show the settings of the installation").helpGroup("Options:"))
    .on("option:help-all", () => {
      for (const option of settings) option.hideHelp(false);
      command.help();
    })
    .addHelpText("after", () =>
      settings.some(({ hidden }) => hidden)
        ? `\nEach setting of the installation is an option, too: ${HELP_ALL} shows all ${settings.length}.`
        : "",
    );
}

const HELP_ALL = "--help-all";

/** `-o`; the first format is the default. */
export const outputOption = (...formats: readonly [string, ...string[]]): Option =>
  new Option("-o, --output <format>", "output format").choices(formats).default(formats[0]);

export const OBJECTS = ["[object...]", "objects in a cluster, such as pod/NAME or deployment/NAME"] as const;
export const FILES = [
  "-f, --filename <file...>",
  "manifests, YAML or JSON, or folders of them; - is standard input",
] as const;
