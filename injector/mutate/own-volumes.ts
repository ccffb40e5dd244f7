import { isDeepStrictEqual } from "node:util";
import type { Intent } from "../decide/intent.ts";
import { reservedMount } from "../decide/container-hazards.ts";
import type { Finding } from "../model/findings.ts";
import { identityVolume, isIdentityVolume } from "../model/identity-volumes.ts";
import { noApiTokenVolume, withSourceList } from "../model/no-api-token.ts";
import type { Container, Volume, VolumeMount } from "../model/pod.ts";
import { inFile } from "../model/token-mode.ts";
import { SOURCE_KINDS } from "../sources/sources.ts";

type OwnVolumes = Pick<Intent, "guard" | "sidecar">;

/** The volumes that podrole adds: the source's, each identity's token where it is in a file, and the empty one. */
export function ownVolumes({ guard, sidecar }: OwnVolumes): readonly Volume[] {
  const source = sidecar && SOURCE_KINDS[sidecar.source].volume?.of(sidecar.audience);
  return [
    ...(source === undefined ? [] : [source]),
    ...(sidecar !== undefined && inFile(sidecar.token)
      ? sidecar.identities.map(({ name }, index) => identityVolume(index, name))
      : []),
    ...(guard || sidecar !== undefined ? [noApiTokenVolume] : []),
  ];
}

/** The volumes with podrole's added; undefined if there are none. */
export function withOwnVolumes(
  present: readonly Volume[] | undefined,
  intent: OwnVolumes,
): readonly Volume[] | undefined {
  const names = new Set((present ?? []).map(({ name }) => name));
  const missing = ownVolumes(intent).filter(({ name }) => !names.has(name));
  return missing.length === 0 ? present : [...(present ?? []), ...missing];
}

/** Whether a volume is the one that podrole writes. */
export const isSameVolume = (actual: Volume, expected: Volume | undefined): boolean =>
  isDeepStrictEqual(withSourceList(actual), expected);

/** Mounts of an identity's token in a container that are not podrole's own: of another identity, or elsewhere. */
export const foreignTokenMounts = (
  container: Container,
  mount: VolumeMount | undefined,
): readonly Finding[] =>
  (container.volumeMounts ?? [])
    .filter((one) => isIdentityVolume(one.name) && !isDeepStrictEqual(one, mount))
    .map((one) => reservedMount(container, one));
