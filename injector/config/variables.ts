import type { InjectorConfig } from "./installation.ts";
import { SETTING_NAMES, SETTINGS } from "./settings.ts";
import type { Setting } from "./setting.ts";

/** Those that have a variable in a program: few of all, and asked for with every pod. */
const PASSED = {
  guard: SETTING_NAMES.filter((name) => (SETTINGS[name] as Setting).guard !== undefined),
  sidecar: SETTING_NAMES.filter((name) => (SETTINGS[name] as Setting).sidecar !== undefined),
};

/**
 * Names and values of the variables that pass settings to guard or sidecar, the same in every pod. Settings without a value
 * and booleans that are false are left out.
 */
export const variablesOf = (
  program: "guard" | "sidecar",
  config: InjectorConfig,
): readonly (readonly [name: string, value: string])[] =>
  PASSED[program].flatMap((name) => {
    const { [program]: variable, kind }: Setting = SETTINGS[name];
    const value: unknown = Object.hasOwn(config, name) ? config[name as keyof InjectorConfig] : undefined;
    return variable === undefined || value === undefined || value === false
      ? []
      : [[variable, kind.write(value)] as const];
  });
