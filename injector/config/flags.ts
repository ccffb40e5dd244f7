import { Option, type Command } from "commander";
import { CodedError, messageOf } from "../../sidecar/kit/errors.ts";
import { parseSetting, type Written } from "./read-config.ts";
import { SETTING_NAMES, SETTINGS, type SettingName } from "./settings.ts";
import type { Setting } from "./setting.ts";

/** Settings as flags of a command line, each the setting's name in kebab case. */

export const flagOf = (name: SettingName): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** Adds every setting to a command. */
export function withSettings(command: Command): Command {
  for (const name of SETTING_NAMES) command.addOption(optionOf(name));
  return command;
}

/** The settings that a command line gives, among its other options. */
export function settingsIn(options: Readonly<Record<string, unknown>>): Written {
  const given = SETTING_NAMES.flatMap((name): [string, string][] => {
    const value = options[name];
    return typeof value === "string" ? [[name, value]] : [];
  });
  return Object.fromEntries(given);
}

function optionOf(name: SettingName): Option {
  const { kind, about, default: fallback = "" }: Setting = SETTINGS[name];
  const isBoolean = kind.schema.type === "boolean";
  const value = isBoolean ? "[boolean]" : `<${kind.placeholder}>`;
  const otherwise = fallback === "" ? "" : ` Default: ${fallback}.`;
  const option = new Option(`${flagOf(name)} ${value}`, about + otherwise);
  // Only for the help and for completion: the parser below says more.
  if (kind.choices !== undefined) option.choices(kind.choices);
  return (isBoolean ? option.preset("true") : option).argParser((raw: string) => {
    checked(name, raw);
    return raw;
  });
}

/**
 * Not by Commander's own error, which repeats the value: that of a proxy may hold a password.
 * @throws CodedError `CONFIG_INVALID`
 */
function checked(name: SettingName, raw: string): void {
  try {
    parseSetting(name, raw);
  } catch (error) {
    throw new CodedError("CONFIG_INVALID", `${flagOf(name)} ${messageOf(error)}.`, { cause: error });
  }
}
