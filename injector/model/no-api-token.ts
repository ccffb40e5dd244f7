import { isRecord } from "./read.ts";
import type { Volume, VolumeMount } from "./pod.ts";

/** Where the API server's ServiceAccount plugin mounts a pod's token for the Kubernetes API, in containers without a mount there. */
export const API_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * An empty volume in the place of that token, for guard and sidecar, which call no API. It also saves a review: the plugin
 * leaves them as they are, so the API server does not call the webhook again. Projected, since an emptyDir can keep the
 * cluster autoscaler from removing a node.
 */
export const noApiTokenVolume: Volume = {
  name: "podrole-no-api-token",
  projected: { defaultMode: 0o644, sources: [] },
};

export const noApiTokenMount: VolumeMount = {
  name: noApiTokenVolume.name,
  mountPath: API_TOKEN_PATH,
  readOnly: true,
};

/** The volume in one spelling: the API server writes an empty list of sources as null. */
export function withSourceList(volume: Volume): Volume {
  const { projected } = volume;
  return isRecord(projected) && projected["sources"] == null
    ? { ...volume, projected: { ...projected, sources: [] } }
    : volume;
}
