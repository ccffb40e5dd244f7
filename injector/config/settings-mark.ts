import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { InjectorConfig } from "./installation.ts";
import { requireConfig } from "./read-config.ts";

const marks = new WeakMap<InjectorConfig, string>();
let defaults: Readonly<Record<string, unknown>> | undefined;

/**
 * Eight hex digits that stand for the settings of an installation. Only settings that are not the default count, so a new
 * setting changes no mark.
 */
export function settingsMark(config: InjectorConfig): string {
  const known = marks.get(config);
  if (known !== undefined) return known;
  defaults ??= { ...requireConfig({}) };
  const { version: _, ...settings } = config;
  const changed = Object.entries(settings)
    .filter(([name, value]) => !isDeepStrictEqual(value, defaults?.[name]))
    .toSorted(([one], [other]) => (one < other ? -1 : 1));
  const mark = createHash("sha256").update(JSON.stringify(changed)).digest("hex").slice(0, 8);
  marks.set(config, mark);
  return mark;
}
