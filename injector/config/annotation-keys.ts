import type { Keys } from "./keys.ts";
import { SETTING_NAMES, SETTINGS, type Setting, type Settings } from "./settings.ts";

/** The annotations that settings give another key, by the keys that podrole's documentation calls them. */
export function annotationKeys(settings: Settings): Keys {
  const respelled = SETTING_NAMES.flatMap((name): [string, string][] => {
    const { spells }: Setting = SETTINGS[name];
    const key = settings[name];
    return spells !== undefined && typeof key === "string" && key !== spells ? [[spells, key]] : [];
  });
  return Object.freeze(Object.fromEntries(respelled));
}
