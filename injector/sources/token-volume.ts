import { TOKEN_VOLUME } from "../../sidecar/contract/pod.ts";
import type { Volume, VolumeMount } from "../model/pod.ts";

/** The token that the sidecar shows to STS or to the broker. The kubelet renews it at 80 % of its life. */
export const tokenVolume = (audience: string, expirationSeconds: number): Volume => ({
  name: TOKEN_VOLUME.name,
  projected: {
    defaultMode: 0o644,
    sources: [{ serviceAccountToken: { audience, expirationSeconds, path: TOKEN_VOLUME.file } }],
  },
});

/** In the sidecar alone. */
export const tokenMount: VolumeMount = {
  name: TOKEN_VOLUME.name,
  mountPath: TOKEN_VOLUME.mountPath,
  readOnly: true,
};
