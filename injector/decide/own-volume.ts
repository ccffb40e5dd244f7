import { isIdentityVolume } from "../model/identity-volumes.ts";
import { noApiTokenVolume } from "../model/no-api-token.ts";
import { SOURCE_VOLUMES } from "../sources/sources.ts";

/** Whether this or another version of podrole may have written a volume of this name. Its content is then compared. */
export const isOwnVolume = ({ name }: { readonly name: string }): boolean =>
  SOURCE_VOLUMES.has(name) || isIdentityVolume(name) || name === noApiTokenVolume.name;
