import { Command } from "commander";
import { settingsIn, withSettings } from "../../config/flags.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { requireConfig, type Written } from "../../config/read-config.ts";

/** The settings that the demo shows, as flags of the injector's own command. */
export const flagsOf = (
  stsUrl: string,
  guardContainer: InjectorConfig["guardContainer"],
  broker: { readonly url: string } | undefined,
): readonly string[] => [
  "--base-role-arn=arn:aws:iam::111122223333:role/",
  ...(broker === undefined
    ? ["--hub-role=arn:aws:iam::111122223333:role/podrole-hub"]
    : ["--source=broker", `--broker-url=${broker.url}`]),
  "--region=eu-west-1",
  `--sts-endpoint=${stsUrl}`,
  "--start-timeout=8",
  ...(guardContainer === "init" ? [] : [`--guard-container=${guardContainer}`]),
];

/** As the ConfigMap of an installation has them. */
export function settingsOf(flags: readonly string[]): Written {
  const command = withSettings(new Command("injector")).exitOverride();
  return settingsIn(command.parse([...flags], { from: "user" }).opts());
}

export const configOf = (flags: readonly string[]): InjectorConfig => requireConfig(settingsOf(flags));
