import type { InjectorConfig } from "./installation.ts";
import { SETTING_NAMES, SETTINGS, type Setting } from "./settings.ts";

/**
 * Names and values of the variables by which guard or sidecar have settings, in every pod the same. One without a value, and a
 * boolean that is false, is left out.
 */
export const variablesOf = (
  program: "guard" | "sidecar",
  config: InjectorConfig,
): readonly (readonly [name: string, value: string])[] =>
  SETTING_NAMES.flatMap((name) => {
    const { [program]: variable, kind }: Setting = SETTINGS[name];
    const value: unknown = Object.hasOwn(config, name) ? config[name as keyof InjectorConfig] : undefined;
    return variable === undefined || value === undefined || value === false
      ? []
      : [[variable, kind.write(value)] as const];
  });
