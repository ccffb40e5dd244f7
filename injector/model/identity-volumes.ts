import { IDENTITY_TOKEN } from "../../sidecar/contract/pod.ts";
import type { Volume, VolumeMount } from "./pod.ts";

/** The volume with an identity's token, and its mounts. `index` is the identity's place in the sidecar's list. */

/**
 * Others than the owner may read the file: guard, sidecar and app run as different users. The kubelet makes it 0640 and gives
 * it to the pod's fsGroup, which all containers are in, if the pod has one. So who may read it is decided by the mounts.
 */
export const identityVolume = (index: number, identity: string): Volume => ({
  name: IDENTITY_TOKEN.volume(index),
  projected: {
    defaultMode: 0o644,
    sources: [
      {
        serviceAccountToken: {
          audience: IDENTITY_TOKEN.audience(identity),
          expirationSeconds: IDENTITY_TOKEN.expirationSeconds,
          path: IDENTITY_TOKEN.file,
        },
      },
    ],
  },
});

/** In the containers of the identity. */
export const identityMount = (index: number): VolumeMount => ({
  name: IDENTITY_TOKEN.volume(index),
  mountPath: IDENTITY_TOKEN.mountPath,
  readOnly: true,
});

export const sidecarIdentityMount = (index: number): VolumeMount => ({
  name: IDENTITY_TOKEN.volume(index),
  mountPath: IDENTITY_TOKEN.sidecarMountPath(index),
  readOnly: true,
});

/** The file's path in the sidecar, and in the containers of the identity. */
export const sidecarTokenFile = (index: number): string =>
  `${IDENTITY_TOKEN.sidecarMountPath(index)}/${IDENTITY_TOKEN.file}`;
export const TOKEN_FILE = `${IDENTITY_TOKEN.mountPath}/${IDENTITY_TOKEN.file}`;

const PREFIX = IDENTITY_TOKEN.volume(0).slice(0, -1);

/** Whether the name is one of an identity's volume, of this pod or of another. */
export const isIdentityVolume = (name: string): boolean => name.startsWith(PREFIX);
