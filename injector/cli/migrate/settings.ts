import { CodedError } from "../../../sidecar/kit/errors.ts";
import { AUTO } from "../../config/aws-kinds.ts";
import { writtenIn } from "../../config/config-map.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { otherVersion, type Written } from "../../config/read-config.ts";
import { SETTINGS, type SettingName } from "../../config/settings.ts";
import type { Setting } from "../../config/setting.ts";
import type { BaseRoleArn } from "../../model/arn.ts";
import { assumingBroker } from "../input/assumed-broker.ts";
import { givenSettings } from "../input/settings.ts";
import type { ConfigMapReading } from "../live/installed.ts";
import type { Origin } from "./from/origin.ts";

export interface Settled {
  readonly config: InjectorConfig;
  /** What an installation needs, beside its defaults: by the tool's flags and by this command line. */
  readonly values: Written;
  /** Where the settings come from; sentences. */
  readonly assumptions: readonly string[];
}

/**
 * podrole's settings: those that say the same as the tool's flags, over them those of podrole's own ConfigMap, of `--config`, and of
 * this command line.
 * @throws CodedError `CONFIG_INVALID`
 */
export async function settled(
  origin: Origin,
  options: Readonly<Record<string, unknown>>,
  installed: ConfigMapReading | undefined,
): Promise<Settled> {
  const { flags, file } = await givenSettings(options);
  const object = installed?.object;
  const written = object === undefined ? {} : writtenIn(object);
  const other = otherVersion(written);
  const { version: _version, policy, ...present } = other === undefined ? written : {};
  const over: Written = {
    ...Object.fromEntries(Object.entries(present).filter(([name]) => Object.hasOwn(SETTINGS, name))),
    // `audit` is for the time of the migration; what it ends with is asked about here.
    ...(policy === undefined || policy === "audit" ? {} : { policy }),
    ...file?.written,
    ...flags,
  };
  // The hub of kiam's server may be what the broker is: it need not assume itself.
  const { hubRole, ...ofTool } = origin.settings;
  const own = hubRole === undefined || hubRole === options["principal"] ? ofTool : origin.settings;
  const all = { ...withDefault(own, origin, over["baseRoleArn"]), ...over };
  const { baseRoleArn, ...rest } = all;
  const forDecision = baseRoleArn === undefined || baseRoleArn === AUTO ? rest : all;
  const { config, assumptions } = assumingBroker({ flags: forDecision });
  const from = [
    ...(origin.found.length === 0 ? [] : [`the flags of ${origin.found.join(", ")}`]),
    ...(object === undefined || other !== undefined ? [] : [installed?.name ?? ""]),
    ...(file === undefined ? [] : [file.path]),
    ...(Object.keys(flags).length === 0 ? [] : ["this command line"]),
  ];
  return {
    config,
    values: { ...withDefault(own, origin, over["baseRoleArn"]), ...flags },
    assumptions: [
      ...(from.length === 0 ? [] : [`The settings follow ${from.join(", and over them ")}.`]),
      ...(other === undefined ? [] : [`${installed?.name} is not used: ${other.message}`]),
      ...assumptions,
    ],
  };
}

/**
 * The tool completes its default role by the base that it finds.
 * @throws CodedError `BASE_ROLE_NEEDED`
 */
function withDefault(own: Written, origin: Origin, base: string | undefined): Written {
  const { defaultRole } = own;
  if (!origin.findsBase || defaultRole === undefined || defaultRole.startsWith("arn:")) return own;
  if (base === undefined || base === AUTO) throw baseNeeded(origin);
  return { ...own, defaultRole: base + defaultRole };
}

const baseNeeded = ({ name }: Origin): CodedError =>
  new CodedError(
    "BASE_ROLE_NEEDED",
    `${name} asks AWS for the base of role names, and this command does not.`,
    { remedy: "Give --base-role-arn arn:aws:iam::ACCOUNT:role/." },
  );

/**
 * The base of role names, for a tool that asks AWS for it.
 * @throws CodedError `BASE_ROLE_NEEDED`
 */
export function requireBase(
  origin: Origin,
  { baseRoleArn }: InjectorConfig,
  isNeeded: boolean,
): BaseRoleArn | undefined {
  if (!origin.findsBase || baseRoleArn !== undefined || !isNeeded) return baseRoleArn;
  throw baseNeeded(origin);
}

/** The chart's values: each option with the type that its schema has. */
export function chartValues(values: Written, broker: object | undefined): object {
  const options = Object.fromEntries(
    Object.entries(values)
      .filter(([name]) => Object.hasOwn(SETTINGS, name))
      .map(([name, text]) => [name, valueOf(name as SettingName, text)]),
  );
  return { options, ...(broker === undefined ? {} : { broker }) };
}

function valueOf(name: SettingName, text: string): unknown {
  const { kind }: Setting = SETTINGS[name];
  const types = new Set([kind.schema.type].flat());
  if (types.has("boolean")) return text === "true";
  if (types.has("array")) return text === "" ? [] : text.split(",");
  if (types.has("integer") && /^\d+$/.test(text)) return Number(text);
  return text;
}
