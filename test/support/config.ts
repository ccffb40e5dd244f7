import { Command } from "commander";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import { settingsIn, withSettings } from "../../injector/config/flags.ts";
import { requireConfig } from "../../injector/config/read-config.ts";

/** The configuration for these flags. */
export function configFromFlags(...flags: readonly string[]): InjectorConfig {
  const command = withSettings(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return requireConfig(settingsIn(command.parse([...flags], { from: "user" }).opts()));
}

/** The real defaults, except for the test's settings and a fixed version for golden files. */
export const config = (over: Partial<InjectorConfig> = {}): InjectorConfig => ({
  ...configFromFlags(),
  image: "registry.example/podrole-sidecar:test",
  version: "0.0.0-test",
  ...over,
});
