import { Command } from "commander";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import { settingsIn, withSettings } from "../../injector/config/flags.ts";
import { requireConfig } from "../../injector/config/read-config.ts";

/** The configuration that these flags of an administrator give. */
export function configFromFlags(...flags: readonly string[]): InjectorConfig {
  const command = withSettings(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return requireConfig(settingsIn(command.parse([...flags], { from: "user" }).opts()));
}

/** The real defaults, except for a fixed version for golden files, and for what the test sets. */
export const config = (over: Partial<InjectorConfig> = {}): InjectorConfig => ({
  ...configFromFlags(),
  image: "registry.example/podrole-sidecar:test",
  version: "0.0.0-test",
  ...over,
});
