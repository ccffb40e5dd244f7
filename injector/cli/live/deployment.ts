import { Command, CommanderError } from "commander";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { fieldsIn, own, recordsIn, strings, type Fields } from "../../model/read.ts";

/** What the shipped manifests call the injector's Deployment, Service and the like. */
export const INJECTOR = "podrole-injector";

/** The same of the broker, and its service account. */
export const BROKER = "podrole-broker";

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
 * Some options of the injector among its arguments. What is none of them is passed over.
 * @throws CodedError `CONFIG_INVALID` for a value that this version does not take
 */
export function optionsIn(
  args: readonly string[],
  withOptions: (command: Command) => Command,
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
