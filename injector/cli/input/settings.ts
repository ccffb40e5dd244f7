import { CodedError } from "../../../sidecar/kit/errors.ts";
import { readConfigFile } from "../../config/config-map.ts";
import { settingsIn } from "../../config/flags.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { otherVersion, requireConfig, type Written } from "../../config/read-config.ts";

/** The settings that a command line gives: by flags, which go before, and by a file. */
export interface GivenSettings {
  readonly flags: Written;
  readonly file?: { readonly path: string; readonly written: Written };
}

/** @throws CodedError `CONFIG_UNREADABLE`, and `CONFIG_OTHER_VERSION` for a file for another version of podrole */
export async function givenSettings(options: Readonly<Record<string, unknown>>): Promise<GivenSettings> {
  const flags = settingsIn(options);
  const { config: path } = options;
  if (typeof path !== "string") return { flags };
  const written = await readConfigFile(path);
  const other = otherVersion(written);
  if (other === undefined) return { flags, file: { path, written } };
  throw new CodedError(other.code, other.message, {
    remedy: "Use the podrole of the version of the settings.",
  });
}

/** @throws CodedError `CONFIG_INVALID` */
export const requireGiven = ({ flags, file }: GivenSettings): InjectorConfig =>
  requireConfig({ ...file?.written, ...flags });
