import { isDeepStrictEqual } from "node:util";
import type { SidecarIntent } from "../decide/intent.ts";
import { reservedMount } from "../decide/container-hazards.ts";
import type { Finding } from "../model/findings.ts";
import { identityVolume, isIdentityVolume } from "../model/identity-volumes.ts";
import type { Container, Volume, VolumeMount } from "../model/pod.ts";
import { inFile } from "../model/token-mode.ts";
import { SOURCE_KINDS, SOURCE_VOLUMES } from "../sources/sources.ts";

/** Whether this or another version of podrole may have written a volume of this name. */
export const isOwnVolume = ({ name }: { readonly name: string }): boolean =>
  SOURCE_VOLUMES.has(name) || isIdentityVolume(name);

/** The volumes that podrole adds: the source's, and each identity's token where it is in a file. */
export function ownVolumes(sidecar: SidecarIntent | undefined): readonly Volume[] {
  if (sidecar === undefined) return [];
  const source = SOURCE_KINDS[sidecar.source].volume?.volume;
  return [
    ...(source === undefined ? [] : [source]),
    ...(inFile(sidecar.token)
      ? sidecar.identities.map(({ name }, index) => identityVolume(index, name))
      : []),
  ];
}

/** The volumes with podrole's added; undefined if there are none. */
export function withOwnVolumes(
  present: readonly Volume[] | undefined,
  sidecar: SidecarIntent | undefined,
): readonly Volume[] | undefined {
  const names = new Set((present ?? []).map(({ name }) => name));
  const missing = ownVolumes(sidecar).filter(({ name }) => !names.has(name));
  return missing.length === 0 ? present : [...(present ?? []), ...missing];
}

/** Mounts of an identity's token in a container that are not podrole's own: of another identity, or elsewhere. */
export const foreignTokenMounts = (
  container: Container,
  mount: VolumeMount | undefined,
): readonly Finding[] =>
  (container.volumeMounts ?? [])
    .filter((one) => isIdentityVolume(one.name) && !isDeepStrictEqual(one, mount))
    .map((one) => reservedMount(container, one));
