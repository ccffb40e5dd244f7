import { Command } from "commander";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import { installationFrom, withInstallation } from "../../injector/config/options.ts";

/** What a command line gives, by the options an administrator has. */
export function configFromFlags(...flags: readonly string[]): InjectorConfig {
  const command = withInstallation(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return installationFrom(command.parse([...flags], { from: "user" }).opts());
}

/** The real defaults, but for a version that stays the same in golden files, and for what the test is about. */
export const config = (over: Partial<InjectorConfig> = {}): InjectorConfig => ({
  ...configFromFlags(),
  image: "registry.example/podrole-sidecar:test",
  version: "0.0.0-test",
  ...over,
});
