import { coded } from "../../../sidecar/kit/errors.ts";
import { CONFIG_MAP, writtenIn } from "../../config/config-map.ts";
import { flagOf } from "../../config/flags.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { configFrom, otherVersion, type Written } from "../../config/read-config.ts";
import type { SettingName } from "../../config/settings.ts";
import type { Fields } from "../../model/read.ts";
import { requireGiven, type GivenSettings } from "../input/settings.ts";
import { Refusal } from "../../cluster/api-server.ts";
import { forbiddenIn, type Forbidden } from "./forbidden.ts";
import type { Read } from "./reader.ts";

/** Where the injector is installed, and nobody says otherwise. */
export const PODROLE_NAMESPACE = "podrole-system";

export interface Installation {
  readonly config: InjectorConfig;
  /** Where the settings come from, and what is not known of them; sentences. */
  readonly assumptions: readonly string[];
  /** Why the settings are not those of the cluster's ConfigMap; a clause. */
  readonly problem?: string;
  /** Whether the base of role names is the injector's alone: rules by name then allow less here than there. */
  readonly lacksBase?: boolean;
}

/** What has become of the attempt to read the ConfigMap with the settings. */
export interface ConfigMapReading {
  /** `ConfigMap podrole-system/podrole-config`. */
  readonly name: string;
  readonly object?: Fields;
  /** Why there is no object; a clause. */
  readonly why?: string;
  /** Where the reason is that the user may not read it. */
  readonly hidden?: Forbidden;
}

/** Makes an installation of what was read of the cluster's own. */
export type ConfigFrom = (reading: ConfigMapReading) => Installation;

export async function readConfigMap(read: Read, namespace: string): Promise<ConfigMapReading> {
  const name = `ConfigMap ${namespace}/${CONFIG_MAP}`;
  try {
    const object = await read(`/api/v1/namespaces/${namespace}/configmaps/${CONFIG_MAP}`);
    return object === undefined ? { name, why: `There is no ${name}` } : { name, object };
  } catch (error) {
    const { code, message, cause } = coded(error);
    if (code !== "API_REFUSED") throw error;
    const hidden = cause instanceof Refusal ? forbiddenIn(cause.said) : undefined;
    return { name, why: message.replace(/\.$/, ""), ...(hidden === undefined ? {} : { hidden }) };
  }
}

/**
 * The settings that a cluster's injector has: those of its ConfigMap, or of a file that was given in its place, with the
 * command line's flags put over them. Where there are neither, those of the command line alone. Pure.
 */
export const installationFrom =
  (given: GivenSettings): ConfigFrom =>
  ({ name, object, why }) => {
    const { flags, file } = given;
    if (file !== undefined) {
      return {
        config: requireGiven(given),
        assumptions: [`The settings are those of ${file.path}${but(flags)}.`],
      };
    }
    const byHand = (reason: string): Installation => ({
      config: requireGiven(given),
      assumptions: [`${reason}: the injector is taken to have the settings of this command line.`],
      problem: reason,
    });
    if (object === undefined) return byHand(why ?? `${name} was not read`);
    const written = writtenIn(object);
    const reading = configFrom({ ...written, ...flags });
    const other = otherVersion(written);
    if ("problems" in reading) {
      const reasons = [...(other === undefined ? [] : [other]), ...reading.problems];
      return byHand(
        `${name} cannot be used (${reasons.map(({ message }) => message.replace(/\.$/, "")).join("; ")})`,
      );
    }
    return {
      config: reading.config,
      ...(reading.asksForBase ? { lacksBase: true } : {}),
      assumptions: [
        `The settings are those of ${name}${but(flags)}.`,
        ...(reading.asksForBase
          ? [
              "The injector asks AWS for the base of role names; give --base-role-arn to have them completed here.",
            ]
          : []),
        ...(other === undefined ? [] : [`${other.message} The two may decide differently.`]),
      ],
    };
  };

function but(flags: Written): string {
  const names = Object.keys(flags) as readonly SettingName[];
  return names.length === 0 ? "" : `, but for ${names.map(flagOf).join(", ")} of this command line`;
}
