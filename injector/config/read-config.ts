import { CodedError, messageOf } from "../../sidecar/kit/errors.ts";
import { nearest } from "../model/nearest.ts";
import { VERSION } from "../model/version.ts";
import { annotationKeys } from "./annotation-keys.ts";
import { AUTO } from "./aws-kinds.ts";
import { CONFLICTS } from "./conflicts.ts";
import type { InjectorConfig, KeyName } from "./installation.ts";
import { SETTING_NAMES, SETTINGS, type SettingName, type Settings } from "./settings.ts";
import type { Setting } from "./setting.ts";

/** Settings by name, each written as on the command line; absent: the default. */
export type Written = Readonly<Record<string, string>>;

/** The key that says for which version of podrole the settings are. */
export const VERSION_KEY = "version";
/** Keys that only the controller writes, and only the admission policies read. */
export const isAccepted = (key: string): boolean => key.startsWith("accepted.");

export interface ConfigProblem {
  readonly code: "CONFIG_UNKNOWN_KEY" | "CONFIG_BAD_VALUE" | "CONFIG_CONFLICT" | "CONFIG_OTHER_VERSION";
  /** The settings that the problem is about, or the unknown key. */
  readonly keys: readonly string[];
  /** Sentences that name the keys. They never repeat a value: it may be a secret in the wrong place. */
  readonly message: string;
}

export interface ParsedConfig {
  readonly config: InjectorConfig;
  /** Whether `baseRoleArn` is `auto`: then `config` has none, and the caller must ask AWS for it. */
  readonly asksForBase: boolean;
}

export type ConfigReading =
  | ParsedConfig
  | {
      /** At least one, and all that there are, but for unknown keys beyond the first {@link UNKNOWN_MAX}. */
      readonly problems: readonly ConfigProblem[];
    };

/** The configuration that settings describe, or their problems. Pure. Ignores their version, see {@link otherVersion}. */
export function configFrom(written: Written): ConfigReading {
  const problems: ConfigProblem[] = unknownKeys(written);
  const bad = new Set<SettingName>();
  const values = SETTING_NAMES.map((name) => {
    const { default: fallback }: Setting = SETTINGS[name];
    const raw = Object.hasOwn(written, name) ? written[name] : undefined;
    try {
      const given = raw ?? fallback;
      return [name, given === undefined ? undefined : parseSetting(name, given)];
    } catch (error) {
      bad.add(name);
      problems.push({ code: "CONFIG_BAD_VALUE", keys: [name], message: `${name} ${messageOf(error)}.` });
      return [name, undefined];
    }
  });
  // Each value was made by the parser of its own entry.
  const settings = Object.fromEntries(values) as Settings;
  for (const { between, sentence } of CONFLICTS) {
    const message = between.some((name) => bad.has(name)) ? undefined : sentence(settings);
    if (message !== undefined) problems.push({ code: "CONFIG_CONFLICT", keys: between, message });
  }
  return problems.length > 0 ? { problems } : taken(settings);
}

/**
 * What policies compare is in the ConfigMap up to four times, and much of it in every pod. The longest that anybody needs are
 * certificates with the text around them. In a megabyte of BEGIN lines without an END line, the search for one takes minutes.
 */
const VALUE_MAX = 64 * 1024;

/**
 * @throws Error whose message goes on after the setting's name
 */
export function parseSetting(name: SettingName, raw: string): unknown {
  const { kind, policy }: Setting = SETTINGS[name];
  if (raw.length > VALUE_MAX) throw new Error(`must not be longer than ${VALUE_MAX / 1024} KiB`);
  const value = kind.parse(raw);
  if (policy === true && kind.write(value) !== raw) {
    // The policies compare texts, so two spellings of one value would be two values to them.
    throw new Error("must be written without blanks, in the form that podrole writes it");
  }
  return value;
}

/** The problem of settings for another version of podrole. Undefined if they are for this version or name none. */
export function otherVersion(written: Written): ConfigProblem | undefined {
  const version = Object.hasOwn(written, VERSION_KEY) ? written[VERSION_KEY] : undefined;
  if (version === undefined || version === VERSION) return undefined;
  const shown = JSON.stringify(version.slice(0, 40));
  return {
    code: "CONFIG_OTHER_VERSION",
    keys: [VERSION_KEY],
    message: `The settings are for version ${shown} of podrole, and this is ${VERSION}.`,
  };
}

/** The error for what {@link otherVersion} found. */
export const configOtherVersion = ({ code, message }: ConfigProblem): CodedError =>
  new CodedError(code, message, {
    remedy: "Wait for the roll-out, or deploy the version that the settings are for.",
  });

/** @throws CodedError `CONFIG_INVALID` with all problems */
export function requireConfig(written: Written): InjectorConfig {
  const reading = configFrom(written);
  if ("problems" in reading) throw configInvalid(reading.problems);
  if (reading.asksForBase) {
    throw new CodedError(
      "CONFIG_INVALID",
      "baseRoleArn auto needs a call to AWS, and this command makes none.",
      {
        remedy: "Give the base ARN instead of auto.",
      },
    );
  }
  return reading.config;
}

export const configInvalid = (problems: readonly ConfigProblem[]): CodedError<"CONFIG_INVALID"> =>
  new CodedError("CONFIG_INVALID", problems.map(({ message }) => message).join(" "));

function taken(settings: Settings): ParsedConfig {
  const same = SETTING_NAMES.filter((name) => !name.endsWith("Key")).map((name) => [name, settings[name]]);
  const asksForBase = settings.baseRoleArn === AUTO;
  const config: InjectorConfig = {
    ...(Object.fromEntries(same) as Omit<Settings, KeyName>),
    baseRoleArn: settings.baseRoleArn === AUTO ? undefined : settings.baseRoleArn,
    keys: annotationKeys(settings),
    version: VERSION,
  };
  return { config: Object.freeze(config), asksForBase };
}

const isUnknown = (key: string): boolean =>
  !Object.hasOwn(SETTINGS, key) && key !== VERSION_KEY && !isAccepted(key);

/** As many unknown keys as a person corrects in one round: a ConfigMap may have a hundred thousand. */
const UNKNOWN_MAX = 20;

function unknownKeys(written: Written): ConfigProblem[] {
  const keys = Object.keys(written).filter(isUnknown);
  const more = keys.slice(UNKNOWN_MAX);
  return [
    ...keys.slice(0, UNKNOWN_MAX).map(unknownKey),
    ...(more.length === 0 ? [] : [unknownKeysMore(more.length)]),
  ];
}

const unknownKeysMore = (count: number): ConfigProblem => ({
  code: "CONFIG_UNKNOWN_KEY",
  keys: [],
  message: `${count} more keys are not settings.`,
});

function unknownKey(key: string): ConfigProblem {
  const meant = nearest(key, SETTING_NAMES);
  const hint = meant === undefined ? "See the reference of options." : `Did you mean ${meant}?`;
  const shown = JSON.stringify(key.slice(0, 60));
  return { code: "CONFIG_UNKNOWN_KEY", keys: [key], message: `${shown} is not a setting. ${hint}` };
}
