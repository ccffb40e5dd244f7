import { Command, CommanderError } from "commander";
import { coded, CodedError } from "../../../sidecar/kit/errors.ts";
import { readCaFile } from "../../config/ca-file.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { AUTO, installationFrom, withInstallation } from "../../config/options.ts";
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
 * The installation that a cluster's injector runs with: its Deployment's arguments, with the options that the command
 * line itself sets put over them. Where they cannot be had, the command line's alone. Pure.
 */
export const configFrom =
  (options: Record<string, unknown>, command: Command): ConfigFrom =>
  ({ name, object, why }) => {
    const ofOurs = (reason: string): Installation => ({
      config: installationFrom(options, readCaFile),
      assumptions: [`${reason}: the injector is taken to have the options of this command line.`],
      problem: reason,
    });
    if (object === undefined) return ofOurs(why ?? `${name} was not read`);
    const given = givenIn(command);
    try {
      const { args, image } = injectorIn(object);
      const { baseRoleArn, ...installed } = installedOptions(args);
      const strange = otherVersion(image, VERSION);
      const asksAws = baseRoleArn === AUTO && !given.has("baseRoleArn");
      const over = Object.fromEntries([...given.keys()].map((key) => [key, options[key]]));
      const merged = { ...installed, ...(baseRoleArn === AUTO ? {} : { baseRoleArn }), ...over };
      // The Deployment names a file of the injector's; a file of this machine only the command line can name.
      const ownCa = given.has("stsCaFile");
      const config = installationFrom(merged, ownCa ? readCaFile : undefined);
      const but = given.size === 0 ? "" : `, but for ${[...given.values()].join(", ")} of this command line`;
      return {
        config,
        assumptions: [
          `The injector's options are those of ${name}${but}.`,
          ...(asksAws
            ? ["It asks AWS for the base of role names; give --base-role-arn to have them completed here."]
            : []),
          ...(installed["stsCaFile"] !== undefined && !ownCa
            ? [
                "Its sidecars trust certificates that are not known here, so one that runs looks different; give --sts-ca-file.",
              ]
            : []),
          ...(strange === undefined ? [] : [strange]),
        ],
      };
    } catch (error) {
      const { code, message } = coded(error);
      if (code !== "CONFIG_INVALID") throw error;
      return ofOurs(`The options of ${name} cannot be read (${message.replace(/\.$/, "")})`);
    }
  };

/** The flags of an installation that a command line names, by the names of their options. */
function givenIn(command: Command): ReadonlyMap<string, string> {
  const known = withInstallation(new Command()).options.map((option) => option.attributeName());
  const names = new Set(known.filter((name) => command.getOptionValueSource(name) === "cli"));
  const flags = command.options.filter((option) => names.has(option.attributeName()));
  return new Map(flags.map((option) => [option.attributeName(), option.long ?? option.flags]));
}

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
  withOptions: (command: Command) => Command = withInstallation,
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
