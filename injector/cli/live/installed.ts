import { Command, CommanderError } from "commander";
import { coded, CodedError } from "../../../sidecar/kit/errors.ts";
import { flagOf, settingsIn, withSettings } from "../../config/flags.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { configFrom, requireConfig, type Written } from "../../config/read-config.ts";
import type { SettingName } from "../../config/settings.ts";
import { fieldsIn, own, recordsIn, strings, type Fields } from "../../model/read.ts";
import { VERSION } from "../../model/version.ts";
import type { Read } from "./reader.ts";

/** What the shipped manifests call the injector's Deployment, Service and the like. */
export const INJECTOR = "podrole-injector";

/** Where the injector is installed, and nobody says otherwise. */
export const PODROLE_NAMESPACE = "podrole-system";

export interface Installation {
  readonly config: InjectorConfig;
  /** Where the options come from, and what is not known of them; sentences. */
  readonly assumptions: readonly string[];
  /** Why the options are not those of the injector's Deployment; a clause. */
  readonly problem?: string;
}

/** What has become of the attempt to read the injector's Deployment. */
export interface DeploymentReading {
  /** `Deployment podrole-system/podrole-injector`. */
  readonly name: string;
  readonly object?: Fields;
  /** Why there is no object. */
  readonly why?: string;
}

/** Makes an installation of what was read of the cluster's own. */
export type ConfigFrom = (reading: DeploymentReading) => Installation;

export async function readDeployment(read: Read, namespace: string): Promise<DeploymentReading> {
  const name = `Deployment ${namespace}/${INJECTOR}`;
  try {
    const object = await read(`/apis/apps/v1/namespaces/${namespace}/deployments/${INJECTOR}`);
    return object === undefined ? { name, why: `There is no ${name}` } : { name, object };
  } catch (error) {
    const { code, message } = coded(error);
    if (code !== "API_REFUSED") throw error;
    return { name, why: message.replace(/\.$/, "") };
  }
}

/**
 * The installation that a cluster's injector runs with: its Deployment's arguments, with the settings that the command
 * line itself gives put over them. Where they cannot be had, the command line's alone. Pure.
 */
export const installationFrom =
  (given: Written): ConfigFrom =>
  ({ name, object, why }) => {
    const ofOurs = (reason: string): Installation => ({
      config: requireConfig(given),
      assumptions: [`${reason}: the injector is taken to have the options of this command line.`],
      problem: reason,
    });
    if (object === undefined) return ofOurs(why ?? `${name} was not read`);
    const { args, image } = injectorIn(object);
    let installed: Record<string, unknown>;
    try {
      installed = installedOptions(args);
    } catch (error) {
      const { code, message } = coded(error);
      if (code !== "CONFIG_INVALID") throw error;
      return ofOurs(`The options of ${name} cannot be read (${message.replace(/\.$/, "")})`);
    }
    const reading = configFrom({ ...settingsIn(installed), ...given });
    if ("problems" in reading) {
      const reasons = reading.problems.map(({ message }) => message.replace(/\.$/, "")).join("; ");
      return ofOurs(`The options of ${name} cannot be read (${reasons})`);
    }
    const names = Object.keys(given) as readonly SettingName[];
    const but = names.length === 0 ? "" : `, but for ${names.map(flagOf).join(", ")} of this command line`;
    const strange = otherVersion(image, VERSION);
    return {
      config: reading.config,
      assumptions: [
        `The injector's options are those of ${name}${but}.`,
        ...(reading.asksForBase
          ? ["It asks AWS for the base of role names; give --base-role-arn to have them completed here."]
          : []),
        ...(strange === undefined ? [] : [strange]),
      ],
    };
  };

/** The arguments and the image of the container that is the injector. */
export function injectorIn(deployment: Fields): { readonly args: readonly string[]; readonly image: string } {
  const all = recordsIn(fieldsIn(fieldsIn(fieldsIn(deployment, "spec"), "template"), "spec"), "containers");
  const found = all.find((one) => own(one, "name") === "injector") ?? all[0] ?? {};
  const image = own(found, "image");
  return {
    args: [...strings(own(found, "command")).slice(1), ...strings(own(found, "args"))],
    image: typeof image === "string" ? image : "",
  };
}

/**
 * The installation's options among the injector's arguments, or others that it has. What is none of them is passed over.
 * @throws CodedError `CONFIG_INVALID` for a value that this version does not take
 */
export function installedOptions(
  args: readonly string[],
  withOptions: (command: Command) => Command = withSettings,
): Record<string, unknown> {
  const command = withOptions(new Command())
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  try {
    return command.parse([...args], { from: "user" }).opts();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new CodedError("CONFIG_INVALID", error.message.replace(/^error: /, ""), { cause: error });
  }
}

/** The tag of an image, or undefined where it has none: a digest says nothing about the version. */
export const tagOf = (image: string): string | undefined =>
  /^[^@]*:(?<tag>[\w.-]{1,128})(?:@|$)/.exec(image)?.groups?.["tag"];

/** What there is to say of an injector's image of another version than this; undefined where it has no tag. */
export function otherVersion(image: string, version: string): string | undefined {
  const tag = tagOf(image);
  return tag === undefined || tag === version || tag === `v${version}`
    ? undefined
    : `The injector's image is tagged ${tag} and this is podrole ${version}: they may decide differently.`;
}
