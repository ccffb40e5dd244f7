import { CodedError } from "../../sidecar/kit/errors.ts";
import { Refusal, type ApiServer } from "../cluster/api-server.ts";
import type { InjectorConfig } from "../config/installation.ts";
import {
  configFrom,
  configInvalid,
  configOtherVersion,
  otherVersion,
  type Written,
} from "../config/read-config.ts";
import { isRecord, own, stringMap, type Fields } from "../model/read.ts";

export interface SettingsDeps {
  readonly api: Pick<ApiServer, "get">;
  readonly namespace: string;
  /** Name of the ConfigMap with the settings. */
  readonly configMap: string;
}

export interface ReadSettings {
  /** The ConfigMap as it was read. */
  readonly object: Fields;
  readonly data: Written;
  /** Without the base ARN, if that is to be asked of AWS. */
  readonly config: InjectorConfig;
}

const REQUEST_MS = 10_000;

export const settingsPath = ({ namespace, configMap }: Omit<SettingsDeps, "api">): string =>
  `/api/v1/namespaces/${namespace}/configmaps/${configMap}`;

/**
 * What the ConfigMap holds, whether or not the settings can be used.
 * @throws CodedError if there is no ConfigMap; Refusal or Error as the client does
 */
export async function readConfigMap(
  deps: SettingsDeps,
  signal: AbortSignal,
): Promise<Pick<ReadSettings, "object" | "data">> {
  const object = await deps.api.get(settingsPath(deps), REQUEST_MS, signal).catch((error: unknown) => {
    throw error instanceof Refusal && error.status === 404 ? missing(deps) : error;
  });
  if (!isRecord(object)) throw new Error("the answer is no object");
  return { object, data: stringMap(own(object, "data")) };
}

/**
 * The settings of the installation, as they are now.
 * @throws CodedError if there are none, or if they are for another version or cannot be used; Refusal or Error as the client does
 */
export async function readSettings(deps: SettingsDeps, signal: AbortSignal): Promise<ReadSettings> {
  const { object, data } = await readConfigMap(deps, signal);
  const other = otherVersion(data);
  if (other !== undefined) throw configOtherVersion(other);
  const reading = configFrom(data);
  if ("problems" in reading) throw configInvalid(reading.problems);
  return { object, data, config: reading.config };
}

const missing = ({ namespace, configMap }: SettingsDeps): CodedError =>
  new CodedError("CONFIG_MISSING", `There is no ConfigMap ${namespace}/${configMap}.`, {
    remedy: "Apply podrole's ConfigMap again, or correct --config-map.",
  });
